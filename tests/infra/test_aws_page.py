"""What docs/operations/aws.md draws is what the program makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra.aws.hosts import described
from infra.aws.network import subnets
from infra.aws.place import Place
from infra.aws.traffic import DOORS, KINDS, OUTSIDE
from infra.components.cloud import counts
from tests.infra import aws_engine
from tests.repo import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (tree.ROOT / "docs" / "operations" / "aws.md").read_text("utf-8")
SPOKEN = {"everybody": ("world",), "load balancer": ("balancer",), "every host": KINDS}


def rows(head: str) -> Iterator[list[str]]:
    """Return the cells of a table's rows, given its first line."""
    for line in PAGE.partition(f"{head}\n")[2].splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def kinds(cell: str) -> list[str]:
    """Return the kinds of host, or what else has a security group, that a cell names."""
    return [kind for word in cell.split(", ") for kind in SPOKEN.get(word, (word,))]


def test_every_door_stands_on_the_page_and_no_other() -> None:
    drawn = {
        (to, *(int(port) for port in ports.split("-")), source)
        for cell, said, sources in rows("| to | port | from |")
        for to in kinds(cell)
        for ports in re.findall(r"\d+(?:-\d+)?", said)
        for source in kinds(sources)
    }
    made = {
        (door.to, *dict.fromkeys(door.ports()), source) for door in DOORS for source in door.by
    } | {("balancer", port, "world") for port in OUTSIDE}

    assert drawn == made


@pytest.mark.parametrize(("stack", "column"), [("staging", 1), ("production", 2)])
def test_hosts_stand_in_their_zones(stack: str, column: int) -> None:
    chosen = aws_engine.wanted(stack)
    assert chosen.cloud
    place = Place(stack=chosen.stack, cloud=chosen.cloud)
    drawn = {
        (row[0], host)
        for row in rows("| zone | staging | production |")
        for host in re.findall(r"[a-z-]+-\d", row[column])
    }

    assert drawn == {(host.zone, host.name) for host in described(place, counts(chosen))}


def test_the_network_is_that_of_staging() -> None:
    public, private = subnets("10.101.0.0/16")

    for cidr in ("10.101.0.0/16", *public.values(), *private.values()):
        assert cidr in PAGE
