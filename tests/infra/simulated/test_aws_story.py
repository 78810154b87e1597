"""A stack on AWS from nothing to nothing, by the real Pulumi, where AWS is simulated.

What this cannot prove stands in README.md beside it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ops import pulumi
from ops.console import UserError
from ops.inventory import plain
from tests.infra.simulated import census
from tests.infra.simulated import world as worlds
from tests.infra.simulated.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
    from tests.infra.simulated.world import World

pytestmark = pytest.mark.timeout(1500)
STAGING = ["app-blue-1", "app-green-1", "db-1", "edge-1", "edge-2", "monitor-1", "simulator-1"]
GROUPS = {
    "edge": ["edge-1", "edge-2"],
    "app": ["app-blue-1", "app-green-1"],
    "app_blue": ["app-blue-1"],
    "app_green": ["app-green-1"],
    "db": ["db-1"],
    "monitor": ["monitor-1"],
    "simulator": ["simulator-1"],
}


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with worlds.made(tmp_path_factory.mktemp("aws")) as world:
        yield world


def test_staging_comes_changes_and_goes_whatever_happens(world: World) -> None:
    """One story: each step starts from what the one before it left."""
    stack, before = world.stack("staging"), census.count(world.cloud)
    _says_what_it_will_make_and_makes_nothing(world, stack, before)
    _goes_on_after_a_kill_and_knows_its_own(world, stack)
    assert pulumi.up(stack) == "nothing to change"
    assert set(KINDS) == _types(stack)  # the simulation has what the program uses and no more
    _hands_its_hosts_to_ansible(stack)
    _changes_what_was_changed_alone(world, stack)
    _makes_again_what_is_gone(world, stack)
    _leaves_nothing(world, stack, before)


def _says_what_it_will_make_and_makes_nothing(
    world: World, stack: Stack, before: dict[str, list[str]]
) -> None:
    wanted = _previewed(stack)

    assert set(STAGING) <= wanted
    assert not {"nat-b", "edge-3"} & wanted
    assert census.count(world.cloud) == before


def _previewed(stack: Stack) -> set[str]:
    """Return the names of all that a stack which is not there would make."""
    said = pulumi.preview_document(stack)
    _keeps_the_rules(stack, said)
    steps = json.loads(said)["steps"]
    assert {step["op"] for step in steps} == {"create"}
    return {step["urn"].rpartition("::")[2] for step in steps}


def _keeps_the_rules(stack: Stack, said: str) -> None:
    """Judge a preview as an operator's check does; one with an old door open is found out."""
    judge = ("python", "-m", "infra.policy")

    assert ": 0 findings" in worlds.run(stack, *judge, text=said).stdout
    opened = said.replace('"httpTokens": "required"', '"httpTokens": "optional"', 1)
    assert ": 1 findings" in worlds.run(stack, *judge, text=opened, code=1).stdout


def _goes_on_after_a_kill_and_knows_its_own(world: World, stack: Stack) -> None:
    """Killed between AWS making an instance and Pulumi writing it down: the worst moment."""
    worlds.killed(stack, "up", "db-1", lambda: "db-1" in world.instances())
    (lost,) = world.instances()["db-1"]

    with pytest.raises(UserError) as doubt:
        pulumi.up(stack)

    assert "cut off while creating db-1" in doubt.value.line
    known = {host["name"]: host["instance_id"] for host in pulumi.outputs(stack)["hosts"]}
    found = world.instances()
    assert sorted(found) == sorted(known) == STAGING
    assert set(found.pop("db-1")) == {lost, known["db-1"]}
    assert all(ids == [known[name]] for name, ids in found.items())
    assert f"{lost} calls itself db-1 of staging and is not in its state" in _inventory(stack)[1]
    # What the operator is told to type
    world.cloud.call("ec2", "terminate_instances", {"InstanceIds": [lost]})
    words = ("refresh", "--clear-pending-creates", "--yes", "--skip-preview")
    worlds.run(stack, "pulumi", *words, "--stack", stack.name)


def _types(stack: Stack) -> set[str]:
    exported = worlds.run(stack, "pulumi", "stack", "export", "--stack", stack.name).stdout
    types = {each["type"] for each in json.loads(exported)["deployment"]["resources"]}
    return {each for each in types if each.startswith("aws:")}


def _hands_its_hosts_to_ansible(stack: Stack) -> None:
    document, troubles = _inventory(stack)

    hosts = document.pop("_meta")["hostvars"]
    groups = {name: sorted(group.get("hosts", [])) for name, group in document.items()}
    assert {name: group for name, group in groups.items() if name in GROUPS} == GROUPS
    assert troubles == ""
    assert {hosts[name]["dash_zone"] for name in GROUPS["edge"]} == {"a", "b"}
    assert hosts["db-1"]["dash_volumes"]["postgres"].startswith("vol-")
    assert hosts["db-1"]["dash_address"].startswith("10.101.")
    assert hosts["db-1"]["dash_certificate_arn"].startswith("arn:aws:acm:")


def _inventory(stack: Stack) -> tuple[dict[str, Any], str]:
    """Return the stack's inventory and what it complains of."""
    where = f"inventories/{stack.name}/dash.yml"
    done = worlds.run(stack, "ansible-inventory", "-i", where, "--list")
    return plain(json.loads(done.stdout)), done.stderr


def _changes_what_was_changed_alone(world: World, stack: Stack) -> None:
    """One host after the other and a new certificate, as docs/operations/aws.md has them typed."""
    before = world.instances()
    world.set("staging", "edge_size", "t3.large")

    _typed(stack, "--target", "**::edge-1")

    assert _sizes(world, before) == {"edge-1": "t3.large", "edge-2": "t3.small"}
    assert pulumi.up(stack) == "1 updated"
    assert _sizes(world, before) == {"edge-1": "t3.large", "edge-2": "t3.large"}
    assert world.instances() == before
    (old,) = _certificates(world)
    _typed(stack, "--replace", "**Certificate::certificate")
    (new,) = _certificates(world)
    assert new != old
    assert pulumi.outputs(stack)["certificate_arn"] == new


def _typed(stack: Stack, *words: str) -> None:
    """Type `pulumi up` with words more, and say yes."""
    worlds.run(stack, "pulumi", "up", "--stack", stack.name, "--yes", "--skip-preview", *words)


def _sizes(world: World, instances: dict[str, list[str]]) -> dict[str, str]:
    """Return the types of the edges' instances."""
    ids = {instances[name][0]: name for name in GROUPS["edge"]}
    answer = world.cloud.call("ec2", "describe_instances", {"InstanceIds": list(ids)})
    found = [one for each in answer["Reservations"] for one in each["Instances"]]
    return {ids[one["InstanceId"]]: one["InstanceType"] for one in found}


def _certificates(world: World) -> list[str]:
    """Return the ARNs of the account's certificates."""
    known = world.cloud.call("acm", "list_certificates", {})["CertificateSummaryList"]
    return [each["CertificateArn"] for each in known]


def _makes_again_what_is_gone(world: World, stack: Stack) -> None:
    """Half of it destroyed by hand: an instance, a rule, a name and a bucket's lock."""
    before = census.count(world.cloud)
    (app,) = world.instances()["app-blue-1"]
    rule = world.cloud.call(
        "ec2",
        "describe_security_group_rules",
        {"Filters": [{"Name": "tag:dash:name", "Values": ["db-5432-from-app"]}]},
    )["SecurityGroupRules"][0]
    world.cloud.call("ec2", "terminate_instances", {"InstanceIds": [app]})
    world.cloud.call(
        "ec2",
        "revoke_security_group_ingress",
        {
            "GroupId": rule["GroupId"],
            "SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]],
        },
    )

    said = pulumi.up(stack)

    assert said == "2 created"
    after = census.count(world.cloud)
    assert {name: len(ids) for name, ids in after.items()} == {
        name: len(ids) for name, ids in before.items()
    }


def _leaves_nothing(world: World, stack: Stack, before: dict[str, list[str]]) -> None:
    """Killed in the middle, the second time it ends; what is in a bucket goes with it."""
    bucket = pulumi.outputs(stack)["buckets"]["artifacts"]
    world.cloud.call("s3", "put_object", {"Bucket": bucket, "Key": "a", "Body": b"b"})
    worlds.killed(stack, "destroy", "db-1", lambda: "db-1" not in world.instances())
    assert census.count(world.cloud) != before

    with pytest.raises(UserError) as doubt:
        pulumi.destroy(stack)

    assert "cut off while deleting db-1" in doubt.value.line
    assert census.count(world.cloud) == before
    assert pulumi.destroy(stack)


def test_production_can_be_previewed_whole(world: World) -> None:
    before = census.count(world.cloud)

    wanted = _previewed(world.stack("production"))

    assert {"edge-2", "app-blue-2", "app-green-2", "db-3", "nat-c"} <= wanted
    assert census.count(world.cloud) == before


def test_credentials_of_another_account_are_refused_before_anything_is_made(world: World) -> None:
    stack = world.stack("production")
    ours = worlds.settings(world.root, "production")["account"]
    world.set("production", "account", "999999999999")
    try:
        with pytest.raises(UserError) as refused:
            pulumi.preview(stack)
    finally:
        world.set("production", "account", ours)

    assert f"these are credentials of account {ours}" in refused.value.line
