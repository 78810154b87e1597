"""An edge with an open operation, as most tests want it."""

from __future__ import annotations

from ansible_collections.dash.platform.plugins.module_utils import switch
from tests.integration.platform.fake_haproxy import FakeHaproxy

ID = "0d5c1e6e-8f0a-4d5a-9d0b-3a3f1f1c9a10"


def move(edge: switch.Edge, identity: str = ID, color: str = "green") -> switch.Switched:
    """Switch an edge."""
    return edge.switch(identity, color, confirm_within=120, wait_up=0)


def state(edge: switch.Edge) -> str:
    """Return the state of the open operation, "none" when there is none."""
    return str((edge.operation.current() or {"state": "none"})["state"])


def serves(edge: switch.Edge, proxy: FakeHaproxy, color: str) -> bool:
    """Tell whether file and running HAProxy agree on a colour."""
    return edge.active() == color == proxy.map["active"]
