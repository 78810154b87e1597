"""What Prometheus scrapes of hosts: addresses, and the labels that tell hosts apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCUMENTATION = """
name: targets
short_description: Hosts as targets of Prometheus
description:
  - Every series of a host carries the labels host, role and, of the application, color.
options:
  _input:
    description: Names of hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: Variables by host.
    type: dict
    required: true
  form:
    description: The address; C({}) stands for the host's own.
    type: str
    required: true
"""
RETURN = """
_value:
  description: One target a host, address and labels.
  type: list
  elements: dict
"""


def targets(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], form: str
) -> list[dict[str, Any]]:
    """Return hosts as targets, in the order of their names."""
    found = []
    for name in sorted(hosts):
        known = hostvars[name]
        labels = {"host": str(name), "role": str(known["dash_role"])}
        if known["dash_color"]:
            labels["color"] = str(known["dash_color"])
        found.append({"address": form.format(known["dash_address"]), "labels": labels})
    return found


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return it by its name."""
        return {"targets": targets}
