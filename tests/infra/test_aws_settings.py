"""The settings of a stack on AWS: what cannot be is refused by name, before any call."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dash.platform.plugins.module_utils.stack import Stack, StackError
from infra import settings
from infra.aws import settings as aws_settings
from tests.infra.aws_engine import wanted

BAD = {
    "account": ["", "12345", "12345678901x", "1234567890123"],
    "region": ["", "europe", "eu-central-1a", "us-west-1", "us-gov-west-1", "cn-north-1"],
    "domain": ["", "dash", "https://dash.example.com", "-a.example.com", "dash.example.org"],
    "hosted_zone": ["", "example", "other.com"],
    "image": ["", "ami-12345678", "debian-12-amd64-20260921-2607", "debian-13-arm64-20260921-2607"],
    "edge_size": [
        "",
        "small",
        "t3",
        "t3.tiny",
        "t4g.small",
        "m7g.large",
        "c7gn.xlarge",
        "t2.small",
        "m4.large",
        "i3.large",
        "a1.medium",
    ],
    "db_volume_gib": ["", "0", "9", "16385", "20.5", "-20", "20 GiB"],
    "budget_usd": ["0", "-1", "lots", "1000001"],
    "alarm_email": ["", "ops", "ops@example", "a b@example.com"],
    "protect": ["", "yes", "1"],
    "nat_gateways": ["0", "2", "4", "three"],
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, values in BAD.items() for v in values])
def test_a_value_that_cannot_be_is_refused_with_its_key(name: str, value: str) -> None:
    with pytest.raises(StackError) as raised:
        wanted("staging", **{name: value})

    line = str(raised.value)
    assert f"dash:{name}" in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "us-east-1"), ("region", "ap-southeast-2"), ("edge_size", "g4dn.xlarge"),
        ("app_size", "i3en.large"), ("app_size", "t3a.small"),
        ("edge_size", "m7i-flex.large"), ("db_size", "x2iedn.32xlarge"), ("protect", True),
        ("db_volume_gib", 10), ("nat_gateways", 3), ("domain", "example.com"),
    ],
)  # fmt: skip
def test_a_value_that_can_be_is_taken(name: str, value: object) -> None:
    found = wanted("staging", **{name: value}).cloud

    assert found
    assert getattr(found, name) == value


@pytest.mark.parametrize("name", aws_settings.KEYS)
def test_a_missing_setting_is_named_with_its_file(name: str) -> None:
    configured = dict.fromkeys(settings.NUMBERS, "1") | {"provider": "aws", "chaos": "true"}
    cloud = wanted("staging").cloud
    configured |= {k: str(getattr(cloud, k)).lower() for k in aws_settings.KEYS if k != name}

    with pytest.raises(StackError, match=rf"Pulumi\.staging\.yaml lacks dash:{name}$"):
        settings.choose(Stack(Path("/checkout"), "staging"), configured.get, {})


def test_a_rehearsal_on_podman_wants_none_of_them() -> None:
    assert wanted("production", provider="podman").cloud is None


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("dash:edge_host", "dash:edge_host: did you mean edge_hosts"),
        ("dash:zzz", "dash:zzz: known: provider"),
        ("aws:region", "aws:region: the region is dash:region"),
    ],
)
def test_a_setting_that_nobody_reads_is_refused(key: str, said: str) -> None:
    with pytest.raises(StackError, match=said):
        settings.refuse_unknown(Stack(Path("/checkout"), "staging"), ["dash:provider", key])


def test_pulumi_s_own_and_all_known_settings_are_let_be() -> None:
    known = [f"dash:{name}" for name in (*settings.KNOWN, "chaos")]
    settings.refuse_unknown(Stack(Path("/checkout")), [*known, "pulumi:tags"])


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        wanted("staging").cloud.region = "eu-west-1"  # type: ignore[misc,union-attr] # the point
