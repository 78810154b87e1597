"""Hosts as targets of Prometheus."""

from __future__ import annotations

from ansible_collections.dash.platform.plugins.filter.targets import FilterModule

HOSTVARS = {
    "db-1": {"dash_role": "db", "dash_color": "", "dash_address": "10.0.0.41"},
    "app-blue-1": {"dash_role": "app", "dash_color": "blue", "dash_address": "10.0.0.21"},
}


def test_hosts_are_told_apart_by_name_role_and_colour() -> None:
    targets = FilterModule().filters()["targets"]

    assert targets(["db-1", "app-blue-1"], HOSTVARS, "https://{}/healthz") == [
        {
            "address": "https://10.0.0.21/healthz",
            "labels": {"host": "app-blue-1", "role": "app", "color": "blue"},
        },
        {"address": "https://10.0.0.41/healthz", "labels": {"host": "db-1", "role": "db"}},
    ]


def test_no_hosts_are_no_targets() -> None:
    assert FilterModule().filters()["targets"]([], HOSTVARS, "{}:1") == []
