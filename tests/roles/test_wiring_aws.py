"""What differs between a lab of containers and a stack on AWS: each variable, both values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.roles.rendering import ROLES, evaluate, render, values
from tests.roles.test_wiring import play

BASE = values(ROLES / "base/defaults/main.yml")
AWS = {
    "dash_provider": "aws",
    "dash_region": "eu-north-1",
    "dash_buckets": {"artifacts": "dash-artifacts", "loki": "dash-loki"},
    "ansible_user": "ansible",
    "dash_trouble": "i-1 is stopped",
}


def wired(variable: str, provider: str, state: Path, host: str = "db-1", **given: Any) -> Any:
    """Return a variable of the wiring as a host has it."""
    known = play(host, state, **(AWS if provider == "aws" else {}), **given)
    return evaluate("{{ " + variable + " }}", {**BASE, **known})


@pytest.mark.parametrize(
    ("variable", "podman", "aws"),
    [
        ("base_ssh_from", ["10.9.0.1"], []),
        ("base_ssh_hardened", False, True),
        ("base_ssh_users", [], ["ansible"]),
        ("base_metadata_guard", False, True),
        ("base_reach_seconds", 0, 300),
        ("base_trouble", "", "i-1 is stopped"),
        ("base_upgrades", "none", "security"),
        ("base_clock", "none", "chrony"),
        ("base_ssm_agent", False, True),
        ("base_data_volumes", [], []),
        ("loki_storage", "filesystem", "s3"),
        ("loki_bucket", "", "dash-loki"),
        ("loki_region", "", "eu-north-1"),
        ("release_delivery", "push", "bucket"),
        ("release_bucket", "", "dash-artifacts"),
        ("release_region", "", "eu-north-1"),
    ],
)
def test_a_difference_is_a_variable(tmp_path: Path, variable: str, podman: Any, aws: Any) -> None:
    assert wired(variable, "podman", tmp_path) == podman
    assert wired(variable, "aws", tmp_path) == aws


def test_the_agent_comes_from_the_stacks_own_region(tmp_path: Path) -> None:
    url = wired("base_ssm_agent_url", "aws", tmp_path)

    assert url.startswith("https://amazon-ssm-eu-north-1.s3.eu-north-1.amazonaws.com/latest/")
    assert wired("base_ssm_agent_url", "podman", tmp_path) == ""


def test_the_lab_names_every_setting_of_the_kernel_that_it_leaves(tmp_path: Path) -> None:
    assert sorted(wired("base_kernel_left", "podman", tmp_path)) == sorted(BASE["base_kernel"])
    assert wired("base_kernel_left", "aws", tmp_path) == []


def test_edges_tell_of_the_certificate_that_haproxy_shows_for_the_public_name(
    tmp_path: Path,
) -> None:
    """Probes go by address and see the stack's own, which the preview has too."""
    arn = "arn:aws:acm:eu-north-1:1:certificate/x"
    lab = wired("exporter_certificates", "podman", tmp_path, "edge-1", dash_certificate_arn="")
    aws = wired("exporter_certificates", "aws", tmp_path, "edge-1", dash_certificate_arn=arn)
    binds = re.findall(
        r"^  bind :(\d+) (ssl .+)$",
        render("edge", "haproxy.cfg.j2", edge_certificate_arn=arn),
        re.MULTILINE,
    )
    shown = {port: re.findall(r"crt (\S+)", words) for port, words in binds}

    assert lab == ["/etc/dash/ca.pem"]
    assert aws == ["/etc/dash/ca.pem", "/etc/haproxy/certs/public.pem"]
    assert [path for path in shown["443"] if path not in shown["8444"]] == aws[1:]


def test_no_other_host_tells_of_the_public_names_certificate(tmp_path: Path) -> None:
    for host in ("app-blue-1", "db-1", "monitor-1", "simulator-1"):
        told = wired("exporter_certificates", "aws", tmp_path, host, dash_certificate_arn="arn:x")
        assert "/etc/haproxy/certs/public.pem" not in told, host


@pytest.mark.parametrize(
    ("holds", "mount", "unit"),
    [
        ("postgres", "/var/lib/postgresql", "postgresql@.service"),
        ("prometheus", "/var/lib/prometheus", "prometheus.service"),
        ("loki", "/var/lib/loki", "loki.service"),
    ],
)
def test_a_disk_is_mounted_where_what_it_holds_lies(
    tmp_path: Path, holds: str, mount: str, unit: str
) -> None:
    found = wired("base_data_volumes", "aws", tmp_path, dash_volumes={holds: "vol-0a1"})

    assert found == [{"volume_id": "vol-0a1", "mount": mount, "unit": unit}]
