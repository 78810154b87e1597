"""The simulation itself: says what it does not know, sees what is no longer as it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.simulated import census, engine, simulation
from tests.infra.simulated.cloud import Cloud
from tests.infra.simulated.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

VPC = KINDS["aws:ec2/vpc:Vpc"]
GROUP = KINDS["aws:ec2/securityGroup:SecurityGroup"]
BUCKET = KINDS["aws:s3/bucket:Bucket"]
TAGS = {"dash:stack": "staging"}


@pytest.fixture(name="cloud", scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with (
        pytest.MonkeyPatch.context() as patch,
        simulation.running(tmp_path_factory.mktemp("aws"), "eu-central-1", ()) as aws,
    ):
        for name, value in aws.environment().items():
            patch.setenv(name, value)
        yield Cloud("eu-central-1")


@pytest.fixture(name="vpc")
def _vpc(cloud: Cloud) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """A network: its id, what was asked for, and its state."""
    inputs = {"cidrBlock": "10.1.0.0/16", "enableDnsHostnames": True, "tags": TAGS}
    ident, state = engine.create(cloud, VPC, inputs)
    yield ident, inputs, {**state, "__given": sorted(inputs)}
    engine.delete(cloud, VPC, ident, state)


def test_an_argument_that_no_call_takes_is_refused_by_name(cloud: Cloud) -> None:
    with pytest.raises(KeyError, match="does not know colour of create_vpc"):
        engine.create(cloud, VPC, {"cidrBlock": "10.2.0.0/16", "colour": "blue"})


def test_an_argument_that_a_rows_function_does_not_look_at_is_refused_and_nothing_stays(
    cloud: Cloud, vpc: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    before = census.count(cloud)
    inputs = {"name": "a", "description": "b", "vpcId": vpc[0], "tags": TAGS, "colour": "blue"}
    with pytest.raises(KeyError, match="does not know colour"):
        engine.create(cloud, GROUP, inputs)

    assert census.count(cloud) == before


def test_a_second_look_sees_no_difference(
    cloud: Cloud, vpc: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    ident, inputs, state = vpc

    assert engine.changed(state, inputs) == []
    assert engine.changed(engine.read(cloud, VPC, ident, inputs) or {}, inputs) == []


def test_what_somebody_changed_is_seen_and_set_right(
    cloud: Cloud, vpc: tuple[str, dict[str, Any], dict[str, Any]]
) -> None:
    ident, inputs, _ = vpc
    cloud.call("ec2", "create_tags", {"Resources": [ident], "Tags": [{"Key": "a", "Value": "b"}]})
    seen = engine.read(cloud, VPC, ident, inputs) or {}

    assert engine.changed(seen, inputs) == ["tags"]
    assert engine.replaces(VPC, ["tags", "cidrBlock"]) == ["cidrBlock"]
    assert engine.update(cloud, VPC, ident, seen, inputs)["tags"] == TAGS


def test_an_argument_that_is_given_no_more_is_a_difference(
    vpc: tuple[str, dict[str, Any], dict[str, Any]],
) -> None:
    _, inputs, state = vpc

    assert engine.changed(state, {"cidrBlock": inputs["cidrBlock"], "tags": TAGS}) == [
        "enableDnsHostnames"
    ]


def test_what_is_gone_is_nothing_and_can_be_removed_again(cloud: Cloud) -> None:
    inputs = {"bucket": "dash-test", "forceDestroy": True, "tags": TAGS}
    ident, state = engine.create(cloud, BUCKET, inputs)
    cloud.call("s3", "delete_bucket", {"Bucket": ident})

    assert engine.read(cloud, BUCKET, ident, inputs) is None
    engine.delete(cloud, BUCKET, ident, state)


def test_a_bucket_with_something_in_it_goes_only_where_the_program_says_so(cloud: Cloud) -> None:
    inputs = {"bucket": "dash-full", "tags": TAGS}
    ident, state = engine.create(cloud, BUCKET, inputs)
    cloud.call("s3", "put_object", {"Bucket": ident, "Key": "a", "Body": b"b"})
    with pytest.raises(Exception, match="BucketNotEmpty"):
        engine.delete(cloud, BUCKET, ident, state)

    engine.delete(cloud, BUCKET, ident, {**state, "forceDestroy": True})

    assert engine.read(cloud, BUCKET, ident, inputs) is None
