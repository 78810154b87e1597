"""What the operators' policy is for is allowed by it, and nothing else is.

The real Pulumi and the real inventory ask a simulated AWS that asks the policy: README.md beside
this says what it leaves out.
"""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from ansible_collections.dash.platform.plugins.plugin_utils import acm, bucket
from ansible_collections.dash.platform.plugins.plugin_utils.secrets import Parameters
from ops import cli, login, pulumi, tunnel
from ops.console import UserError
from tests.infra.simulated import world as worlds
from tests.infra.simulated.cloud import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.infra.simulated.world import World

pytestmark = pytest.mark.timeout(600)
USER = "colleague"
DENIED = r"(?i)denied|not allowed|not authorized"
# Not asked here: SSM and S3 use the keys in one's name, S3 tells what is missing only to those who
# may list, and no session is ever ended
UNASKED = {"SecretsKey", "BucketsKey", "StateKey", "StateList", "ArtifactsList", "SshOwn"}


@dataclass(frozen=True, kw_only=True)
class Team:
    """A stack that one operator made; `stack` is what another has of it on a new machine."""

    world: World
    stack: Stack
    outputs: dict[str, Any]
    policy: dict[str, Any]
    archive: Path
    keys: dict[str, str]

    @property
    def region(self) -> str:
        """Return the stack's region."""
        return self.world.cloud.region

    def client(self, service: str) -> Any:
        """Return a client with the colleague's credentials."""
        return boto3.client(service, region_name=self.region)

    def secrets(self, path: str = "") -> Parameters:
        """Return where secrets lie, the stack's unless told otherwise."""
        return Parameters(path or self.stack.secrets_path, self.region, "")

    @contextmanager
    def working(self, policy: dict[str, Any]) -> Iterator[None]:
        """Be the colleague, who has this policy and no other."""
        call = self.world.cloud.call
        given = {"UserName": USER, "PolicyName": "all", "PolicyDocument": json.dumps(policy)}
        call("iam", "put_user_policy", given)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.keys.items():
                patch.setenv(name, value)
            patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers credentials
            self.world.simulation.ask_policies(ask=True)
            try:
                yield
            finally:
                self.world.simulation.ask_policies(ask=False)


def typed(world: World, stack: Stack, *words: str) -> None:
    """Type a verb of `./dash` about a stack of the world's checkout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ops.session.ROOT", world.root)
        patch.setenv("DASH_LAB", stack.lab)
        assert cli.main(["--stack", stack.name, "--yes", *words]) == 0


@pytest.fixture(name="team", scope="module")
def _team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    directory = tmp_path_factory.mktemp("operators")
    with worlds.made(directory) as world:
        first, call = world.stack("staging"), world.cloud.call
        typed(world, first, "infra", "bootstrap")
        with pytest.MonkeyPatch.context() as patch:  # each checkpoint is a call here: half the time
            patch.setenv("PULUMI_EXPERIMENTAL", "true")
            patch.setenv("PULUMI_SKIP_CHECKPOINTS", "true")
            pulumi.up(first)
        outputs = pulumi.outputs(first)
        (found,) = [
            each for each in call("iam", "list_policies", {"Scope": "Local"})["Policies"]
            if each["PolicyName"] == f"{first.prefix}-operators"
        ]  # fmt: skip
        version = {"PolicyArn": found["Arn"], "VersionId": found["DefaultVersionId"]}
        policy = call("iam", "get_policy_version", version)["PolicyVersion"]["Document"]
        call("iam", "create_user", {"UserName": USER})
        key = call("iam", "create_access_key", {"UserName": USER})["AccessKey"]
        clone = directory / "clone"
        shutil.copytree(world.root, clone, ignore=shutil.ignore_patterns(".dash"))
        archive = directory / "dash-1.tar.zst"
        archive.write_bytes(b"a release")
        yield Team(
            world=world, stack=Stack(clone, first.name, first.lab), outputs=outputs, policy=policy,
            archive=archive,
            keys={
                "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            },
        )  # fmt: skip


def takes_the_key(team: Team) -> None:
    shutil.rmtree(team.stack.directory / "ssh", ignore_errors=True)
    login.take(team.stack)


def reads_outputs(team: Team) -> None:
    assert pulumi.outputs(team.stack) == team.outputs


def lists_hosts(team: Team) -> None:
    shutil.rmtree(team.stack.directory, ignore_errors=True)  # a new machine has nothing
    where = f"inventories/{team.stack.name}/dash.yml"
    done = worlds.run(team.stack, "ansible-inventory", "-i", where, "--list")
    edges = json.loads(done.stdout).get("edge", {}).get("hosts", [])
    assert sorted(edges) == ["edge-1", "edge-2"], done.stderr


def works_with_secrets(team: Team) -> None:
    where = team.secrets()
    where.offer("one", "1")
    where.write("one", "2")
    assert where.read("one") == "2"
    assert "one" in where.names()


def brings_an_artifact(team: Team) -> None:
    offered = [
        bucket.offer(team.archive, team.outputs["buckets"]["artifacts"], team.region)
        for _ in range(2)
    ]
    assert not offered[1].brought


def exports_the_certificate(team: Team) -> None:
    arn = team.outputs["certificate_arn"]
    assert "PRIVATE KEY" in acm.exported(team.client("acm"), arn)


def opens_a_session(team: Team) -> None:
    """Moto has none to give: it says so to whoever may have one."""
    instance = team.outputs["hosts"][0]["instance_id"]
    with pytest.raises(tunnel.Refused) as said:
        tunnel.session(team.client("ssm"), instance, "22", team.stack.name)
    if "(500)" not in str(said.value):
        raise said.value


def reads_a_console(team: Team) -> None:
    instance = team.outputs["hosts"][0]["instance_id"]
    assert "Output" in team.client("ec2").get_console_output(InstanceId=instance)


# What an operator does, and the statements without which it is denied
WORK: dict[Callable[[Team], None], set[str]] = {
    takes_the_key: {"Secrets"},
    reads_outputs: {"StateObjects"},
    lists_hosts: {"Look"},
    works_with_secrets: {"Secrets"},
    brings_an_artifact: {"ArtifactsObjects"},
    exports_the_certificate: {"Certificate"},
    opens_a_session: {"SshHosts", "SshDocument"},
    reads_a_console: {"Rescue"},
}


def test_an_operator_of_a_new_machine_does_all_the_work_with_the_policy_alone(team: Team) -> None:
    with team.working(team.policy):
        for work in WORK:
            work(team)


def test_each_statement_is_for_some_of_the_work(team: Team) -> None:
    sids = {one["Sid"] for one in team.policy["Statement"]}

    assert set().union(*WORK.values()) == sids - UNASKED


@pytest.mark.parametrize(
    ("work", "sid"), [(work, sid) for work, sids in WORK.items() for sid in sorted(sids)]
)
def test_without_the_statement_the_work_is_denied(
    team: Team, work: Callable[[Team], None], sid: str
) -> None:
    left = [one for one in team.policy["Statement"] if one["Sid"] != sid]
    with (
        team.working({**team.policy, "Statement": left}),
        pytest.raises((UserError, Fault, ClientError, tunnel.Refused, AssertionError)),
    ):
        work(team)


FOREIGN: dict[str, Callable[[Team], Any]] = {
    "secrets of another stack": lambda team: team.secrets("/dash/production/").read("one"),
    "secrets of nobody": lambda team: team.secrets("/dash/stagingx/").write("one", "1"),
    "changes of the state": lambda team: team.client("s3").put_object(
        Bucket=f"{team.stack.prefix}-state-{ACCOUNT}", Key=".pulumi/x", Body=b""
    ),
    "removal of artifacts": lambda team: team.client("s3").delete_object(
        Bucket=team.outputs["buckets"]["artifacts"], Key=team.archive.name
    ),
    "logs": lambda team: team.client("s3").list_objects_v2(Bucket=team.outputs["buckets"]["loki"]),
    "backups": lambda team: team.client("s3").get_object(
        Bucket=team.outputs["buckets"]["backups"], Key="x"
    ),
    "another certificate": lambda team: acm.exported(
        team.client("acm"), team.outputs["certificate_arn"][:-1] + "x"
    ),
    "hosts": lambda team: team.client("ec2").terminate_instances(
        InstanceIds=[team.outputs["hosts"][0]["instance_id"]]
    ),
    "shells beside ssh": lambda team: team.client("ssm").start_session(
        Target=team.outputs["hosts"][0]["instance_id"], DocumentName="SSM-SessionManagerRunShell"
    ),
    "more rights": lambda team: team.client("iam").create_access_key(UserName=USER),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_an_operator_may_not_have(team: Team, what: str) -> None:
    with team.working(team.policy), pytest.raises((Fault, ClientError), match=DENIED):
        FOREIGN[what](team)
