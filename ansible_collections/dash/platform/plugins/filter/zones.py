"""How many hosts of a play lie in each zone: batches that never span two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils.stack import ZONES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCUMENTATION = """
name: zone_sizes
short_description: Sizes of batches for the keyword C(serial), a zone each
description:
  - For a play whose hosts are C(zone_a:zone_b:zone_c:&KIND:&ANSWERED), which come zone by zone.
  - A zone without any has no batch.
options:
  _input:
    description: The variable C(groups).
    type: dict
    required: true
  kinds:
    description: Groups in all of which a host of the play is. One that is not there has no hosts.
    type: list
    elements: str
    required: true
"""
RETURN = """
_value:
  description: A number of hosts for each zone.
  type: list
  elements: int
"""


def zone_sizes(groups: Mapping[str, Iterable[str]], *kinds: str) -> list[int]:
    """Return how many hosts of some groups lie in each zone, without those that have none."""
    found = [
        set.intersection(*(set(groups.get(name, ())) for name in (f"zone_{zone}", *kinds)))
        for zone in ZONES
    ]
    return [len(hosts) for hosts in found if hosts]


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"zone_sizes": zone_sizes}
