"""The stacks on AWS as Pulumi sees them: the rules hold over all resources, names are stable."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi_aws
import pytest
import yaml

from infra.aws.hosts import described
from infra.aws.network import subnets
from infra.aws.place import Place
from infra.aws.policies import WILDCARDS, wild
from infra.aws.traffic import DOORS, KINDS
from infra.aws.userdata import cloud_config
from infra.components.cloud import counts
from infra.policy import View, check, short
from infra.rules import UNTAGGED, unjudged
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
        "load_balancer_cidrs", "secrets_path",
    }  # fmt: skip
    assert seam["provider"] == "aws"
    assert seam["urls"] == {"https": f"https://{name}", "preview": f"https://{name}:8444"}
    assert seam["secrets_path"] == f"/dash/{stack}/"
    assert seam["buckets"]["backups"] == f"dash-{stack}-backups-123456789012"
    assert seam["load_balancer_cidrs"] == list(subnets(seam["network"])[0].values())
    assert "Certificate" in seam["certificate_arn"]
    keys = {"name", "role", "color", "zone", "instance_id", "volumes"}
    assert all(set(host) == keys for host in seam["hosts"])
    assert next(h["volumes"] for h in seam["hosts"] if h["role"] == "db").keys() == {"postgres"}


def test_production_has_two_of_everything_that_serves_in_different_zones(
    runs: dict[str, tuple[View, dict[str, Any]]],
) -> None:
    zones: dict[str, set[str]] = {}
    for host in runs["production"][1]["hosts"]:
        zones.setdefault(f"{host['role']} {host['color']}".strip(), set()).add(host["zone"])

    assert zones == {
        "edge": {"a", "b"}, "app blue": {"a", "b"}, "app green": {"a", "b"},
        "db": {"a", "b", "c"}, "monitor": {"a"},
    }  # fmt: skip


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
        "chaos", "app_hosts", "db_hosts", "simulator_hosts", "domain", "edge_size", "app_size",
        "db_size", "monitor_size", "db_volume_gib", "monitor_volume_gib", "budget_usd", "protect",
        "nat_gateways",
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


def port_of(door: dict[str, int] | str) -> int:
    """Return a door's port; who may come in by it may be an expression, or the door itself."""
    return (
        door["port"] if isinstance(door, dict) else int(door.partition("'port': ")[2].split("}")[0])
    )


def test_doors_are_those_of_the_hosts_own_firewall() -> None:
    """Two lists of one fact: what nftables lets in on a host, a security group lets through."""
    wiring = yaml.safe_load((ROOT / "playbooks/group_vars/all/wiring.yml").read_text())
    everywhere = {9100, 8888}
    expected = {kind: set(map(port_of, wiring["wiring_open"][kind])) | everywhere for kind in KINDS}
    found = {
        kind: {
            port
            for door in DOORS
            if door.to == kind
            for port in range(door.ports()[0], door.ports()[1] + 1)
        }
        for kind in KINDS
    }

    assert all(str(port) in wiring["base_firewall_open"] for port in everywhere)
    assert found == expected


def test_every_wildcard_in_the_table_is_used_and_has_a_reason(staging: View) -> None:
    used = set()
    for resource in staging.resources:
        for key in ("policy", "assumeRolePolicy"):
            text = resource.inputs.get(key)
            if isinstance(text, str):
                used |= {one["Sid"] for one in json.loads(text)["Statement"] if wild(one)}

    assert used - set(WILDCARDS) == {"TlsOnly"}, "which denies"
    assert set(WILDCARDS) <= used
    assert all(len(why.split()) >= 4 for _, why in WILDCARDS.values())


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

    assert len(found) >= 8
    assert "acm:ExportCertificate" not in actions
    assert not [a for a in actions if a.startswith(("ssm:Get", "secretsmanager:", "iam:", "ec2:"))]


def test_user_data_is_what_cloud_init_reads_and_holds_no_secret() -> None:
    text = cloud_config("edge-1", aws_engine.KEY, "eu-central-1")
    document = yaml.safe_load(text)

    assert text.startswith("#cloud-config\n")
    assert document["users"][0]["ssh_authorized_keys"] == [aws_engine.KEY]
    assert document["users"][0]["name"] == "ansible"
    assert document["hostname"] == "edge-1"
    assert [words[0] for words in document["runcmd"]] == ["curl", "dpkg", "systemctl"]
    assert len(text) < 2000
    assert "PRIVATE" not in text
