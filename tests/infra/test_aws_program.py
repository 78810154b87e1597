"""The stacks on AWS as Pulumi sees them: the rules hold over all resources, names are stable."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi_aws
import pytest
import yaml

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack
from infra import rules
from infra.aws import storage
from infra.aws.hosts import described
from infra.aws.network import subnets
from infra.aws.place import Place
from infra.aws.policies import WILDCARDS, wild
from infra.aws.traffic import OUT
from infra.aws.userdata import cloud_config
from infra.components.cloud import counts
from infra.policy import View, check, short
from infra.rules import UNTAGGED, unjudged
from ops import state
from ops.bucket import Bootstrap
from tests.infra import aws_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
AWS = ("staging", "production")


@pytest.fixture(name="runs", scope="module")
def _runs() -> Iterator[dict[str, tuple[View, dict[str, Any]]]]:
    with aws_engine.loop():
        yield {stack: aws_engine.run(stack) for stack in AWS}


@pytest.fixture(name="staging", scope="module")
def _staging(runs: dict[str, tuple[View, dict[str, Any]]]) -> View:
    return runs["staging"][0]


@pytest.mark.parametrize("stack", AWS)
def test_all_rules_hold_over_all_resources(
    runs: dict[str, tuple[View, dict[str, Any]]], stack: str
) -> None:
    view = runs[stack][0]

    assert check(view) == []
    assert unjudged(view) == []
    assert len(view.resources) > 150


@pytest.mark.parametrize("stack", AWS)
def test_names_are_those_that_were_there_before(
    runs: dict[str, tuple[View, dict[str, Any]]], stack: str
) -> None:
    """A renamed resource is another one: it would be made anew, with its data gone."""
    golden = ROOT / "tests/infra/names" / f"{stack}.txt"
    view = runs[stack][0]

    assert sorted(f"{short(r.type)} {r.name}" for r in view.resources) == (
        golden.read_text(encoding="utf-8").splitlines()
    )


@pytest.mark.parametrize("stack", AWS)
def test_the_outputs_are_the_seam_to_ansible(
    runs: dict[str, tuple[View, dict[str, Any]]], stack: str
) -> None:
    seam = json.loads(json.dumps(runs[stack][1]))
    name = "dash.example.com" if stack == "production" else "staging.dash.example.com"

    assert set(seam) == {
        "provider", "chaos", "region", "network", "hosts", "urls", "buckets", "certificate_arn",
        "load_balancer_cidrs", "secrets_path", "secrets_key",
    }  # fmt: skip
    assert seam["provider"] == "aws"
    assert seam["urls"] == {"https": f"https://{name}", "preview": f"https://{name}:8444"}
    assert seam["secrets_path"] == f"/dash/{stack}/"
    assert seam["secrets_key"] == state.alias(Stack(ROOT, stack))
    assert seam["buckets"]["backups"] == f"dash-{stack}-backups-123456789012"
    assert seam["load_balancer_cidrs"] == list(subnets(seam["network"])[0].values())
    assert "Certificate" in seam["certificate_arn"]
    keys = {"name", "role", "color", "zone", "instance_id", "volumes"}
    assert all(set(host) == keys for host in seam["hosts"])
    assert next(h["volumes"] for h in seam["hosts"] if h["role"] == "db").keys() == {"postgres"}


def test_production_has_two_of_everything_that_serves_or_watches_in_different_zones(
    runs: dict[str, tuple[View, dict[str, Any]]],
) -> None:
    zones: dict[str, set[str]] = {}
    for host in runs["production"][1]["hosts"]:
        zones.setdefault(f"{host['role']} {host['color']}".strip(), set()).add(host["zone"])

    assert zones == {
        "edge": {"a", "b"}, "app blue": {"a", "b"}, "app green": {"a", "b"},
        "db": {"a", "b", "c"}, "monitor": {"a", "b"},
    }  # fmt: skip
    assert all(len(of) > 1 for of in zones.values())


def test_more_hosts_leave_the_names_and_zones_of_the_others() -> None:
    chosen = aws_engine.wanted("production")
    assert chosen.cloud
    place = Place(stack=chosen.stack, cloud=chosen.cloud)
    before = described(place, counts(chosen))
    after = described(place, counts(aws_engine.wanted("production", app_hosts=4, edge_hosts=3)))

    assert set(before) < set(after)
    assert [h.zone for h in after if h.color == "blue"] == ["a", "b", "c", "a"]


def test_the_stacks_differ_in_sizes_counts_protection_and_names_alone() -> None:
    files = [
        yaml.safe_load((ROOT / f"infra/stacks/Pulumi.{stack}.yaml").read_text())["config"]
        for stack in AWS
    ]

    assert set(files[0]) == set(files[1])
    assert {key.removeprefix("dash:") for key in files[0] if files[0][key] != files[1][key]} == {
        "chaos", "app_hosts", "db_hosts", "monitor_hosts", "simulator_hosts", "domain", "edge_size",
        "app_size", "db_size", "monitor_size", "db_volume_gib", "monitor_volume_gib", "budget_usd",
        "protect", "nat_gateways",
    }  # fmt: skip


def test_a_stack_in_another_region_lies_in_three_of_its_zones() -> None:
    chosen = aws_engine.wanted("staging", region="ap-northeast-1").cloud

    assert chosen
    assert chosen.zones == {
        "a": "ap-northeast-1a", "b": "ap-northeast-1c", "c": "ap-northeast-1d"
    }  # fmt: skip


def test_subnets_of_a_network_lie_in_it_and_apart() -> None:
    public, private = subnets("10.101.0.0/16")
    all_of_them = [IPv4Network(c) for c in (*public.values(), *private.values())]

    assert len(all_of_them) == 6
    assert all(n.subnet_of(IPv4Network("10.101.0.0/16")) for n in all_of_them)
    assert not any(a.overlaps(b) for a in all_of_them for b in all_of_them if a is not b)


def test_every_wildcard_in_the_table_is_used_and_has_a_reason(staging: View) -> None:
    used = set()
    for resource in staging.resources:
        for key in ("policy", "assumeRolePolicy"):
            text = resource.inputs.get(key)
            if isinstance(text, str):
                used |= {one["Sid"] for one in json.loads(text)["Statement"] if wild(one)}

    assert used - set(WILDCARDS) == {"TlsOnly"}, "which denies"
    assert set(WILDCARDS) <= used
    assert all(len(one.why.split()) >= 4 for one in WILDCARDS.values())


def test_the_rules_know_what_the_program_makes_and_no_more(
    runs: dict[str, tuple[View, dict[str, Any]]],
) -> None:
    made = {r.type for view, _ in runs.values() for r in view.resources}

    assert {short(type_) for type_ in made if type_.startswith("aws:")} == rules.KINDS


def test_the_ways_out_that_the_rules_allow_are_those_of_the_table() -> None:
    assert set(rules.OUT) == {port for ports in OUT.values() for port in ports}


def test_a_key_is_kept_as_long_as_what_is_locked_under_it(
    runs: dict[str, tuple[View, dict[str, Any]]],
) -> None:
    """Protection ends before a stack does: by it the window would be short where it counts."""
    for view, _ in runs.values():
        days = {key.inputs["deletionWindowInDays"] for key in view.of("kms:Key")}
        assert days == {max(storage.LOCKED.values())}


def test_what_has_no_tags_cannot_have_any() -> None:
    for type_ in UNTAGGED:
        module, name = type_.split(":")
        assert not hasattr(getattr(getattr(pulumi_aws, module), name), "tags"), type_


def test_no_host_may_read_a_secret(staging: View) -> None:
    """They are read where playbooks run."""
    found = [
        json.loads(r.inputs["policy"])
        for r in staging.of("iam:RolePolicy")
        if not r.name.startswith(("flow", "snap"))
    ]
    actions = {a for policy in found for one in policy["Statement"] for a in one["Action"]}

    assert len(found) >= 7
    assert "acm:ExportCertificate" not in actions
    assert not [a for a in actions if a.startswith(("ssm:Get", "secretsmanager:", "iam:", "ec2:"))]


def test_what_outlives_the_stack_is_encrypted_by_a_key_that_does(staging: View) -> None:
    """`down` leaves the secrets, which a stack that is made again takes; its own keys go."""
    aliases = {r.inputs["name"] for r in staging.of("kms:Alias")}

    assert aliases == {"alias/dash-staging-disks", "alias/dash-staging-storage"}
    assert state.alias(Stack(ROOT, "staging")) == "alias/dash-staging-state"


def test_operators_use_the_keys_through_the_services_whose_they_are(staging: View) -> None:
    """What the lookup of secrets and the delivery of artifacts take, and nothing beside it."""
    (policy,) = (json.loads(r.inputs["policy"]) for r in staging.of("iam:Policy"))
    named = {"kms:ResourceAliases": "alias/dash-staging-state"}
    bootstraps = ["arn:aws:kms:eu-central-1:123456789012:key/*"]
    of = {one["Sid"]: one for one in policy["Statement"]}
    used = {
        sid: (one["Action"], one["Resource"], one["Condition"]["StringEquals"]["kms:ViaService"])
        for sid, one in of.items()
        if any(action.startswith("kms:") for action in one["Action"]) and sid != "StateKey"
    }

    assert used == {
        "SecretsKey": (
            ["kms:Encrypt", "kms:GenerateDataKey"],
            bootstraps, "ssm.eu-central-1.amazonaws.com",
        ),
        "BucketsKey": (
            ["kms:Decrypt", "kms:GenerateDataKey"],
            ["arn:aws:kms/key:Key:storage"], "s3.eu-central-1.amazonaws.com",
        ),
    }  # fmt: skip
    assert of["SecretsKey"]["Condition"]["ForAnyValue:StringEquals"] == named
    assert (of["StateKey"]["Action"], of["StateKey"]["Resource"]) == (["kms:Decrypt"], bootstraps)
    assert of["StateKey"]["Condition"] == {"ForAnyValue:StringEquals": named}


def test_operators_read_the_bucket_and_the_key_that_the_bootstrap_makes(staging: View) -> None:
    """Two names of one thing: the program cannot ask for what was there before it."""
    stack = Stack(ROOT, "staging")
    (policy,) = (json.loads(r.inputs["policy"]) for r in staging.of("iam:Policy"))
    of = {one["Sid"]: one for one in policy["Statement"]}
    bucket = f"arn:aws:s3:::{Bootstrap(stack, '123456789012', 'eu-central-1').name}"

    assert (of["StateList"]["Action"], of["StateList"]["Resource"]) == (["s3:ListBucket"], [bucket])
    assert of["StateObjects"]["Action"] == ["s3:GetObject"]
    assert of["StateObjects"]["Resource"] == [f"{bucket}/*"]
    assert state.alias(stack) in json.dumps(of["StateKey"]["Condition"])


def test_user_data_is_what_cloud_init_reads_and_holds_no_secret() -> None:
    text = cloud_config("edge-1", aws_engine.KEY, "eu-central-1")
    document = yaml.safe_load(text)

    assert text.startswith("#cloud-config\n")
    assert document["users"][0]["ssh_authorized_keys"] == [aws_engine.KEY]
    assert document["users"][0]["name"] == "ansible"
    assert document["hostname"] == "edge-1"
    assert [words[0] for words in document["runcmd"]] == ["curl", "apt-get", "systemctl"]
    assert len(text) < 2000
    assert "PRIVATE" not in text
