"""Two lists of one fact: what a host's nftables lets in, and what its security group does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.aws.traffic import DOORS, KINDS
from tests.roles.rendering import evaluate
from tests.roles.test_wiring import hostvars, play

if TYPE_CHECKING:
    from pathlib import Path

BALANCER = "10.8.0.0/24"
NETWORK = "10.9.0.0/16"
# Two of each kind, and of each colour: who may come must be all of a kind, and not its first alone.
NAMES = [
    f"{kind}-{n}"
    for kind in (*(kind for kind in KINDS if kind != "app"), "app-blue", "app-green")
    for n in (1, 2)
]
ADDRESSES = {name: f"10.9.0.{n}" for n, name in enumerate(NAMES, 11)}
GROUPS = {"all": NAMES} | {
    group: [name for name in NAMES if name.startswith(f"{group.replace('_', '-')}-")]
    for group in (*KINDS, "app_blue", "app_green")
}


def sources(listed: list[str] | None, host: str) -> set[str]:
    """Return the kinds of host, or what else has a security group, that a host's rule lets in."""
    if listed is None:
        return {"world"}
    if NETWORK in listed:
        listed = [*listed, *ADDRESSES.values()]
    found = {"balancer"} if BALANCER in listed else set()
    for kind in KINDS:
        others = [ADDRESSES[name] for name in GROUPS[kind] if name != host]
        if let_in := [address for address in others if address in listed]:
            found.add(kind if let_in == others else f"{kind}, but for some")
    strange = set(listed) - {BALANCER, NETWORK, *ADDRESSES.values()}
    return found | {f"nobody's {address}" for address in strange}


@pytest.mark.parametrize("kind", KINDS)
def test_doors_are_those_of_the_hosts_own_firewall(tmp_path: Path, kind: str) -> None:
    """Port by port, for the same kinds of host."""
    host = next(iter(GROUPS[kind]))
    known = play(
        "db-1", tmp_path, inventory_hostname=host, dash_role=kind, dash_address=ADDRESSES[host],
        groups=GROUPS, hostvars=hostvars(ADDRESSES), dash_provider="aws", dash_network=NETWORK,
        dash_load_balancer_cidrs=[BALANCER],
    )  # fmt: skip
    rules = evaluate("{{ base_firewall_open }}", known)
    nftables = {(rule["port"], who) for rule in rules for who in sources(rule.get("from"), host)}
    groups = {
        (port, who)
        for door in DOORS
        if door.to == kind
        for port in range(door.ports()[0], door.ports()[1] + 1)
        for who in door.by
    }

    assert nftables == groups
