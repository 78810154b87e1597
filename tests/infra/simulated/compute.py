"""Instances and their disks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.kinds import Kind, State, ignore, setting
from tests.infra.simulated.network import thing

LIVING = "Reservations[].Instances[] | [?State.Name!='terminated'] | [0]"
# A disk of an instance: Pulumi's words and EC2's.
DISK = {
    "volumeSize": "VolumeSize",
    "volumeType": "VolumeType",
    "encrypted": "Encrypted",
    "kmsKeyId": "KmsKeyId",
    "deleteOnTermination": "DeleteOnTermination",
    "iops": "Iops",
    "throughput": "Throughput",
}
# Arguments of an instance that need no more than EC2's word for them.
INSTANCE = {
    "ami": "ImageId",
    "instanceType": "InstanceType",
    "userData": "UserData",
    "keyName": "KeyName",
    "ebsOptimized": "EbsOptimized",
    "disableApiTermination": "DisableApiTermination",
    "metadataOptions": "MetadataOptions",
}


def _launch(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    words = {api: inputs[key] for key, api in INSTANCE.items() if key in inputs}
    words |= {"MinCount": 1, "MaxCount": 1}
    # Said so, as the provider does for its part: moto's own default outlives the instance
    words["NetworkInterfaces"] = [
        {
            "DeviceIndex": 0,
            "SubnetId": inputs["subnetId"],
            "DeleteOnTermination": True,
            "Groups": inputs.get("vpcSecurityGroupIds") or [],
            "AssociatePublicIpAddress": bool(inputs.get("associatePublicIpAddress")),
        }
    ]
    if inputs.get("iamInstanceProfile"):
        words["IamInstanceProfile"] = {"Name": inputs["iamInstanceProfile"]}
    if inputs.get("availabilityZone"):
        words["Placement"] = {"AvailabilityZone": inputs["availabilityZone"]}
    if inputs.get("tags"):
        words["TagSpecifications"] = [{"ResourceType": "instance", "Tags": inputs["tags"]}]
    root = inputs.get("rootBlockDevice") or {}
    words["BlockDeviceMappings"] = [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {
                "DeleteOnTermination": True,
                **{api: root[key] for key, api in DISK.items() if key in root},
            },
        }
    ]
    answer = cloud.run("ec2", "run_instances", words, {}, {})
    ident: str = answer["Instances"][0]["InstanceId"]
    _tag_disks(cloud, ident, inputs.get("volumeTags") or root.get("tags") or {})
    return ident


def _tag_disks(cloud: Cloud, ident: str, tags: Mapping[str, str]) -> None:
    query = [{"Name": "attachment.instance-id", "Values": [ident]}]
    found = cloud.call("ec2", "describe_volumes", {"Filters": query})["Volumes"]
    if tags:
        cloud.run(
            "ec2",
            "create_tags",
            {"Resources": [v["VolumeId"] for v in found], "Tags": tags},
            {},
            {},
        )


def _resize(cloud: Cloud, state: State, value: Any) -> None:
    """Change the type of an instance: it stands still for it."""
    ids = {"InstanceIds": [state["id"]]}
    cloud.call("ec2", "stop_instances", ids)
    cloud.call(
        "ec2",
        "modify_instance_attribute",
        {"InstanceId": state["id"], "InstanceType": {"Value": value}},
    )
    cloud.call("ec2", "start_instances", ids)


def _set(name: str) -> Any:
    return setting("ec2", "modify_instance_attribute", f"{name}.Value", InstanceId="id")


def _attach(cloud: Cloud, inputs: Mapping[str, Any]) -> str:
    cloud.run(
        "ec2",
        "attach_volume",
        {
            "Device": inputs["deviceName"],
            "InstanceId": inputs["instanceId"],
            "VolumeId": inputs["volumeId"],
        },
        {},
        {},
    )
    return f"vai-{inputs['volumeId'].removeprefix('vol-')}"


KINDS: Mapping[str, Kind] = {
    "aws:ec2/instance:Instance": Kind(
        service="ec2", label="instance", make=_launch, renamed=INSTANCE,
        read="describe_instances", show={"InstanceIds": "[id]"}, found=LIVING,
        delete="terminate_instances", remove={"InstanceIds": "[id]"},
        setters={"instanceType": _resize, "volumeTags": ignore, "userData": _set("UserData"),
                 "disableApiTermination": _set("DisableApiTermination"),
                 "vpcSecurityGroupIds": setting("ec2", "modify_instance_attribute", "Groups",
                                                InstanceId="id")},
        computed={"instanceState": "thing.State.Name",
                  "availabilityZone": "thing.Placement.AvailabilityZone",
                  "primaryNetworkInterfaceId": "thing.NetworkInterfaces[0].NetworkInterfaceId"},
        ignored=frozenset({"monitoring", "userDataReplaceOnChange", "hibernation",
                           "sourceDestCheck", "maintenanceOptions",
                           "creditSpecification", "privateDnsNameOptions"}),
    ),
    "aws:ebs/volume:Volume": thing(
        "volume", "volume", "volumes", "Volumes", "VolumeId", ident="VolumeId",
        renamed={"type": "VolumeType"},
        setters={"size": setting("ec2", "modify_volume", "Size", VolumeId="id"),
                 "finalSnapshot": ignore},
    ),
    "aws:ec2/volumeAttachment:VolumeAttachment": Kind(
        service="ec2", make=_attach, read="describe_volumes", show={"VolumeIds": "[volumeId]"},
        found="Volumes[0].Attachments[?InstanceId=='<instanceId>'] | [0]",
        delete="detach_volume", remove={"VolumeId": "volumeId", "InstanceId": "instanceId"},
        ignored=frozenset({"stopInstanceBeforeDetaching", "forceDetach", "skipDestroy"}),
    ),
}  # fmt: skip
