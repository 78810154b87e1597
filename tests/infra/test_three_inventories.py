"""Lab, staging and production give the roles the same groups and the same variables.

The lab's hosts come from outputs as the program for podman makes them; the other two stacks' from
instances in a simulated EC2, found by the real plugin amazon.aws.aws_ec2. Only Pulumi's answer is
prepared: a program that prints the outputs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from infra import settings
from infra.aws.hosts import described
from infra.aws.place import Place
from infra.components import cloud
from ops.inventory import plain
from tests.infra.simulated import simulation

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
GROUPS = {"edge", "app", "app_blue", "app_green", "db", "monitor", "simulator"}
IMAGE = "debian-13-amd64-20260921-2607"
OURS = re.compile("dash_|ansible_")  # what the plugin says; the lab's group_vars are its own
CIDRS = ["10.101.0.0/24", "10.101.1.0/24", "10.101.2.0/24"]


@pytest.fixture(name="aws", scope="module")
def _aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[simulation.Simulation]:
    with simulation.running(tmp_path_factory.mktemp("aws"), REGION, [IMAGE]) as running:
        yield running


def ec2(aws: simulation.Simulation) -> Any:
    return boto3.client(
        "ec2", endpoint_url=aws.url, region_name=REGION, aws_access_key_id="a",
        aws_secret_access_key="b",
    )  # fmt: skip


def own(root: Path, name: str) -> settings.Settings:
    """The settings of a stack, as its file has them."""
    text = (ROOT / "infra" / "stacks" / f"Pulumi.{name}.yaml").read_text(encoding="utf-8")
    configured = {k.partition(":")[2]: v for k, v in yaml.safe_load(text)["config"].items()}
    return settings.choose(Stack(root, name), configured.get, {})


def provision(aws: simulation.Simulation, root: Path, name: str) -> dict[str, Any]:
    """Run a stack's instances with the tags that the program gives them; return its outputs."""
    wanted = own(root, name)
    assert wanted.cloud is not None
    place = Place(stack=wanted.stack, cloud=wanted.cloud)
    hosts = []
    for host in described(place, cloud.counts(wanted)):
        tags = place.tags(host.name, host.role, color=host.color, zone=host.zone)
        made = ec2(aws).run_instances(
            ImageId="ami-00000001", InstanceType="t3.small", MinCount=1, MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance",
                 "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]},
            ],
        )  # fmt: skip
        hosts.append({
            "name": host.name, "role": host.role, "color": host.color, "zone": host.zone,
            "instance_id": made["Instances"][0]["InstanceId"],
            "volumes": {"postgres": "vol-1"} if host.role == "db" else {},
        })  # fmt: skip
    return {
        "hosts": hosts, "provider": "aws", "chaos": wanted.chaos, "region": REGION,
        "network": place.network, "urls": cloud.urls(place), "certificate_arn": "arn:aws:acm:x",
        "buckets": {use: place.bucket(use) for use in ("artifacts", "backups", "loki")},
        "load_balancer_cidrs": CIDRS, "secrets_path": place.secrets_path,
        "secrets_key": place.alias("state"),
    }  # fmt: skip


def laboratory(root: Path) -> dict[str, Any]:
    """The outputs of a lab."""
    stack = Stack(root, "lab")
    kinds = ("edge", "app-blue", "app-green", "db", "monitor", "simulator")
    hosts = [
        {"name": f"{kind}-1", "role": kind.split("-")[0], "color": kind.partition("-")[2],
         "address": stack.address(kind, 1), "container": f"dash-lab-{kind}-1"}
        for kind in kinds
    ]  # fmt: skip
    urls = {"http": "http://x", "https": "https://x", "preview": "https://x:1"}
    return {
        "hosts": hosts, "provider": "podman", "chaos": True, "network": stack.subnet, "urls": urls,
    }  # fmt: skip


class Checkout:
    """A checkout with one stack that is up, and a pulumi that prints what it was told."""

    def __init__(self, root: Path, name: str, aws: simulation.Simulation | None = None) -> None:
        self.root, self.name, self.aws = root, name, aws
        state = Stack(root, name).directory / "pulumi/.pulumi/stacks/dash" / f"{name}.json"
        state.parent.mkdir(parents=True, exist_ok=True)
        state.write_text("{}")
        for part in ("ansible_collections", "inventories"):
            if not (root / part).exists():
                (root / part).symlink_to(ROOT / part)
        self.environment: dict[str, str] = {}

    def says(self, outputs: dict[str, Any]) -> None:
        """Have pulumi print these outputs."""
        (self.root / "outputs").write_text(json.dumps(outputs))
        program = self.root / "pulumi"
        program.write_text(f'#!/bin/sh\ncat "{self.root}/outputs"\n')
        program.chmod(0o755)
        (Stack(self.root, self.name).directory / "outputs.json").unlink(missing_ok=True)

    def ask(self) -> subprocess.CompletedProcess[str]:
        """Have Ansible tell the inventory."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "DASH_"))}
        aws = self.aws.environment() if self.aws else {}
        env = {
            **clean, **aws, "PYTHONPATH": str(ROOT), "ANSIBLE_HOME": str(self.root / "home"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{self.root}:/usr/bin:/bin", **self.environment,
        }  # fmt: skip
        return subprocess.run(
            [str(Path(sys.executable).with_name("ansible-inventory")), "--list",
             "-i", f"inventories/{self.name}/dash.yml"],
            cwd=self.root, env={k: v for k, v in env.items() if v != "unset"},
            capture_output=True, text=True, check=False, timeout=50,
        )  # fmt: skip


@pytest.fixture(name="staging")
def _staging(aws: simulation.Simulation, tmp_path: Path) -> tuple[Checkout, Any]:
    """Staging as its settings have it, and its outputs."""
    checkout = Checkout(tmp_path, "staging", aws)
    outputs = provision(aws, tmp_path, "staging")
    checkout.says(outputs)
    return checkout, outputs


@pytest.fixture(autouse=True)
def _nothing_left(aws: simulation.Simulation) -> Iterator[None]:
    """Every test begins in an account without instances."""
    yield
    living = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopped"]}]
    pages = ec2(aws).get_paginator("describe_instances").paginate(Filters=living)
    found = pages.search("Reservations[].Instances[].InstanceId")
    if ids := list(found):  # moto shows what was terminated too: there are pages of it
        ec2(aws).terminate_instances(InstanceIds=ids)


def seen(done: subprocess.CompletedProcess[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return groups and host variables of an inventory."""
    assert done.returncode == 0, done.stderr
    document = plain(json.loads(done.stdout))
    variables = document.pop("_meta")["hostvars"]
    return {k: v["hosts"] for k, v in document.items() if "hosts" in v}, variables


def test_three_stacks_give_the_same_groups_and_the_same_variables(
    aws: simulation.Simulation, tmp_path: Path
) -> None:
    """Production has no simulator, and more hosts of some kinds: nothing else differs."""
    groups, names = {}, {}
    for name in ("lab", "staging", "production"):
        root = tmp_path / name
        root.mkdir()
        checkout = Checkout(root, name, None if name == "lab" else aws)
        checkout.says(laboratory(root) if name == "lab" else provision(aws, root, name))
        done = checkout.ask()
        found, variables = seen(done)
        assert done.stderr == ""
        groups[name] = found
        names[name] = {h: frozenset(k for k in v if OURS.match(k)) for h, v in variables.items()}
        for host, known in variables.items():
            color = [f"app_{known['dash_color']}"] if known["dash_color"] else []
            assert {g for g, hosts in found.items() if host in hosts} == {
                known["dash_role"], *color, f"zone_{known['dash_zone']}"
            }  # fmt: skip
            assert known["dash_zone"] == "abc"[(int(host.rpartition("-")[2]) - 1) % 3]

    # Every stack has a group for each zone; those that are empty are not listed
    assert set(groups["lab"]) == GROUPS | {"zone_a"}
    assert set(groups["staging"]) == GROUPS | {"zone_a", "zone_b"}
    assert set(groups["production"]) == GROUPS - {"simulator"} | {"zone_a", "zone_b", "zone_c"}
    assert groups["staging"]["zone_b"] == ["edge-2"]
    assert groups["production"]["zone_c"] == ["db-3"]
    assert groups["staging"]["edge"] == ["edge-1", "edge-2"]
    assert groups["production"]["app_green"] == ["app-green-1", "app-green-2"]
    assert groups["production"]["db"] == ["db-1", "db-2", "db-3"]
    # One set of names for all hosts of a stack; a cloud adds how ssh waits, and nothing else
    of = {name: set(hosts.values()) for name, hosts in names.items()}
    assert {name: len(sets) for name, sets in of.items()} == dict.fromkeys(of, 1)
    (lab,), (staging,), (production,) = of["lab"], of["staging"], of["production"]
    assert staging == production == lab | {"ansible_ssh_timeout"}


def test_a_host_in_a_cloud_is_reached_by_its_instance(staging: tuple[Checkout, Any]) -> None:
    checkout, outputs = staging
    _, variables = seen(checkout.ask())
    known = variables["app-green-1"]
    instance = next(h["instance_id"] for h in outputs["hosts"] if h["name"] == "app-green-1")
    directory = checkout.root / ".dash" / "staging"

    assert known["ansible_host"] == known["dash_instance_id"] == instance
    assert known["dash_address"].startswith("10.")
    assert f"-m ops.tunnel staging {REGION} %h %p'" in known["ansible_ssh_common_args"]
    assert f"UserKnownHostsFile={directory}/known_hosts" in known["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=accept-new" in known["ansible_ssh_common_args"]
    assert {k: known[k] for k in known if k.startswith("dash_") and k in CLOUD} == CLOUD
    assert variables["db-1"]["dash_volumes"] == {"postgres": "vol-1"}


def test_a_colleagues_clone_gets_what_it_lacks_and_another_key_is_named(
    staging: tuple[Checkout, Any], aws: simulation.Simulation
) -> None:
    """The ssh key and the authority's certificate, by the credentials of an operator alone."""
    checkout, _ = staging
    directory = Stack(checkout.root, "staging").directory
    ssm = boto3.client(
        "ssm", endpoint_url=aws.url, region_name=REGION, aws_access_key_id="a",
        aws_secret_access_key="b",
    )  # fmt: skip
    kept = {"ssh_key": "key\n", "authority": json.dumps({"ca.key": "k", "ca.pem": "c"})}
    for name, text in kept.items():
        ssm.put_parameter(Name=f"/dash/staging/{name}", Value=text, Type="SecureString")
    done = checkout.ask()
    _, variables = seen(done)
    key = Path(variables["edge-1"]["ansible_ssh_private_key_file"])

    assert done.stderr == ""
    assert (key.read_text(), key.stat().st_mode & 0o777) == ("key\n", 0o600)
    assert (directory / "ca.pem").read_text() == "c"
    assert not (directory / "pki").exists()

    key.write_text("other\n")
    done = checkout.ask()
    ssm.delete_parameters(Names=[f"/dash/staging/{name}" for name in kept])

    assert done.returncode == 1
    assert done.stderr.startswith(f"{key} is not the stack's ssh key, which the Parameter Store")
    assert done.stderr.count("\n") == 1


CLOUD = {
    "dash_provider": "aws",
    "dash_region": REGION,
    "dash_network": "10.101.0.0/16",
    "dash_secrets_path": "/dash/staging/",
    "dash_secrets_key": "alias/dash-staging-state",  # pragma: allowlist secret
    "dash_certificate_arn": "arn:aws:acm:x",
    "dash_load_balancer_cidrs": CIDRS,
    "dash_public_url": "https://staging.dash.example.com",
    "dash_buckets": {
        "artifacts": "dash-staging-artifacts-123456789012",
        "backups": "dash-staging-backups-123456789012",
        "loki": "dash-staging-loki-123456789012",
    },
    "dash_volumes": {},
    "dash_trouble": "",
    "dash_zone": "a",
}


def test_another_stack_in_the_same_account_is_not_seen(
    staging: tuple[Checkout, Any], aws: simulation.Simulation, tmp_path: Path
) -> None:
    others = provision(aws, tmp_path, "production")
    done = staging[0].ask()
    groups, variables = seen(done)
    theirs = {host["instance_id"] for host in others["hosts"]}

    assert not theirs & {known["dash_instance_id"] for known in variables.values()}
    assert done.stderr == ""
    assert groups["db"] == ["db-1"]


def test_a_host_that_is_stopped_stays_and_is_told(
    staging: tuple[Checkout, Any], aws: simulation.Simulation
) -> None:
    """A rollback at 3 a.m. must not wait for an instance that is none of its business."""
    checkout, outputs = staging
    instance = next(h["instance_id"] for h in outputs["hosts"] if h["name"] == "db-1")
    ec2(aws).stop_instances(InstanceIds=[instance])
    done = checkout.ask()

    line = (
        f"{instance} is stopped. Next: whoever may provision types aws ec2 start-instances "
        f"--region {REGION} --instance-ids {instance}"
    )
    groups, variables = seen(done)

    assert groups["db"] == ["db-1"]
    assert done.stderr == f"db-1: {line}\n"
    assert {n: v["dash_trouble"] for n, v in variables.items() if v["dash_trouble"]} == {
        "db-1": line
    }


def test_a_host_that_is_gone_is_left_out_and_told(
    staging: tuple[Checkout, Any], aws: simulation.Simulation
) -> None:
    checkout, outputs = staging
    instance = next(h["instance_id"] for h in outputs["hosts"] if h["name"] == "edge-2")
    ec2(aws).terminate_instances(InstanceIds=[instance])
    done = checkout.ask()

    assert seen(done)[0]["edge"] == ["edge-1"]
    assert done.stderr == (
        f"edge-2: {instance} is gone. Next: ./dash --stack staging provision, which makes it anew\n"
    )


def test_two_of_one_name_are_told_apart(
    staging: tuple[Checkout, Any], aws: simulation.Simulation, tmp_path: Path
) -> None:
    """The rest of an interrupted run: the one that the state names is the host."""
    checkout, outputs = staging
    more = provision(aws, tmp_path, "staging")
    done = checkout.ask()
    _, variables = seen(done)

    assert {v["dash_instance_id"] for v in variables.values()} == {
        host["instance_id"] for host in outputs["hosts"]
    }
    spare = next(h["instance_id"] for h in more["hosts"] if h["name"] == "edge-1")
    assert (
        f"{spare} calls itself edge-1 of staging and is not in its state. Next: whoever "
        in done.stderr
    )


@pytest.mark.parametrize(
    ("environment", "region", "line"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "unset", "AWS_SECRET_ACCESS_KEY": "unset"}, REGION,
            ("no AWS credentials are set. Next: export AWS_PROFILE=<name> (aws configure sso makes "
            "one), then ./dash --stack staging doctor"),
        ),
        (
            {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "unset", "AWS_SECRET_ACCESS_KEY": "unset"},
            REGION,
            ("AWS_PROFILE names work, which is not in ~/.aws/config. Next: aws configure sso "
            "--profile work, or unset AWS_PROFILE"),
        ),
        (
            {"AWS_PROFILE": "work"}, REGION,
            ("AWS_PROFILE and AWS_ACCESS_KEY_ID are both set. Next: unset AWS_ACCESS_KEY_ID "
            "AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"),
        ),
        (
            {}, "us-east-1",  # no other is at fault: nothing of the stack lies there
            ("staging has 7 hosts by its state, and EC2 in us-east-1 shows none of them: type aws "
            "sts get-caller-identity to see whose credentials these are, or ./dash --stack staging "
            "provision to make them anew"),
        ),
        (
            {}, "eu_central",
            ("eu_central is no region of AWS. Next: mend dash:region of infra/stacks/Pulumi.staging"
            ".yaml, then the same again"),
        ),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, REGION,
            ('EC2 cannot be asked: Failed to describe instances: Could not connect to the endpoint '
            'URL: "http://127.0.0.1:1/"'),
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_way_to_aws_is_one_line(
    staging: tuple[Checkout, Any], environment: dict[str, str], region: str, line: str
) -> None:
    checkout, outputs = staging
    checkout.says({**outputs, "region": region})
    checkout.environment = environment
    done = checkout.ask()

    assert (done.returncode, done.stdout, done.stderr) == (1, "", line + "\n")
