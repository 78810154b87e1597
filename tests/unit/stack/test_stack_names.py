"""Names, directories, addresses and ports of stacks, as docs/architecture.md promises them."""

from __future__ import annotations

import itertools
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dash.platform.plugins.module_utils.stack import (
    MONITOR,
    NAMED_SLOTS,
    PORT_STEP,
    PORTS,
    STACKS,
    Stack,
    StackError,
    addressed,
    watching,
)

ROOT = Path("/checkout")
names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?", fullmatch=True)


def test_the_unnamed_lab_has_the_contract_s_addresses() -> None:
    stack = Stack(ROOT)

    assert stack.directory == ROOT / ".dash/lab"
    assert stack.prefix == "dash-lab"
    assert stack.subnet == "10.89.50.0/24"
    assert {name: stack.port(name) for name in PORTS} == {
        "http": 8080,
        "https": 8443,
        "preview": 8444,
        "grafana": 3000,
        "prometheus": 9090,
        "alertmanager": 9093,
    }


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("edge", "10.89.50.11"),
        ("app-blue", "10.89.50.21"),
        ("app-green", "10.89.50.31"),
        ("db", "10.89.50.41"),
        ("monitor", "10.89.50.51"),
    ],
)
def test_each_kind_of_host_has_its_own_ten_addresses(kind: str, address: str) -> None:
    assert Stack(ROOT).address(kind, 1) == address


@pytest.mark.parametrize(
    ("name", "subnet", "https"),
    [("staging", "10.89.51.0/24", 8463), ("production", "10.89.52.0/24", 8483)],
)
def test_staging_and_production_lie_beside_the_lab(name: str, subnet: str, https: int) -> None:
    stack = Stack(ROOT, name)

    assert (stack.subnet, stack.port("https")) == (subnet, https)
    assert stack.directory == ROOT / ".dash" / name


def test_a_named_lab_has_everything_elsewhere() -> None:
    stack = Stack(ROOT, "staging", "e2e")

    assert stack.directory == ROOT / ".dash/e2e.staging"
    assert stack.prefix == "dash-e2e-staging"
    assert stack.slot == 157  # 3 + 3 * (crc32("e2e") % 60) + 1
    assert stack.port("http") == 8080 + 20 * 157


@given(names, st.sampled_from(STACKS))
def test_a_named_lab_never_meets_the_unnamed_stacks(lab: str, name: str) -> None:
    """Neither in a subnet nor in any port, whatever it is called."""
    stack = Stack(ROOT, name, lab)
    ours = {stack.port(service) for service in PORTS}

    for other in (Stack(ROOT, each) for each in STACKS):
        assert stack.subnet != other.subnet
        assert not ours & {other.port(service) for service in PORTS}


@given(names)
def test_addresses_lie_in_the_subnet_and_differ(lab: str) -> None:
    stack = Stack(ROOT, "lab", lab)
    kinds = ("edge", "app-blue", "app-green", "db", "monitor")
    pairs = list(itertools.product(kinds, range(1, 10)))
    addresses = [stack.address(*pair) for pair in pairs]

    assert all(ip_address(each) in ip_network(stack.subnet) for each in addresses)
    assert len(set(addresses)) == len(addresses)
    assert len({stack.mac(*pair) for pair in pairs}) == len(pairs)


def test_no_two_services_of_any_two_slots_want_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = range(3 + 3 * NAMED_SLOTS)
    wanted = [port + PORT_STEP * slot for slot in slots for port in PORTS.values()]
    watched = watching(9).values()
    more = []
    for slot in slots:
        monkeypatch.setattr(Stack, "slot", slot)
        more += [Stack(ROOT).port(name, number) for name, number in watched if number > 1]
    wanted += more

    assert len(more) == 8 * 3 * len(slots)
    assert len(set(wanted)) == len(wanted)
    assert max(wanted) < 32768  # below what the kernel hands out by itself


@pytest.mark.parametrize("monitors", [0, 1, 2])
def test_the_first_monitor_has_plain_names_and_the_others_a_number(monitors: int) -> None:
    first = {name: (name, 1) for name in MONITOR} if monitors else {}
    second = {f"{name}-2": (name, 2) for name in MONITOR} if monitors > 1 else {}

    assert watching(monitors) == first | second


@pytest.mark.parametrize(
    "lab", ["Upper", "a b", "-a", "a-", "a/b", "a.b", "x" * 17, "../up", "ä", "a\n"]
)
def test_a_name_that_no_container_can_have_is_refused(lab: str) -> None:
    with pytest.raises(StackError, match="cannot be a lab's name: up to 16 of a-z"):
        Stack(ROOT, "lab", lab)


def test_an_unknown_stack_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        StackError, match="there is no stack 'prod': choose lab, staging, production"
    ):
        Stack(ROOT, "prod")


def test_the_environment_names_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASH_STACK", "staging")
    monkeypatch.setenv("DASH_LAB", "two")

    assert Stack.from_environment(ROOT) == Stack(ROOT, "staging", "two")


def test_empty_variables_mean_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASH_STACK", "")
    monkeypatch.setenv("DASH_LAB", "")

    assert Stack.from_environment(ROOT) == Stack(ROOT)


def test_two_checkouts_are_told_apart() -> None:
    assert Stack(Path("/a")).checkout != Stack(Path("/b")).checkout
    assert Stack(Path("/a")).checkout == Stack(Path("/a"), "staging").checkout


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Next: ./dash rollback", "Next: ./dash --stack production rollback"),
        ("./dash up, ./dash logs", "./dash --stack production up, ./dash --stack production logs"),
        ("Next: ./dash --stack staging up", "Next: ./dash --stack staging up"),
        ("see ./dash --help", "see ./dash --help"),
        ("/srv/./dash is a file", "/srv/./dash is a file"),
    ],
)  # fmt: skip
def test_a_command_names_the_stack_that_it_is_for(text: str, named: str) -> None:
    assert addressed(text, "production") == named
    assert addressed(text, "lab") == text
