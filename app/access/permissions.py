"""What can be allowed, and what each role may have: the one table of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# A name is a noun and what is done to it. Keys and roles hold names of this table and no others.
PERMISSIONS: dict[str, str] = {
    "agents:connect": "connect an agent and exchange messages",
    "agents:read": "see which agents there are",
    "audit:read": "read the audit log",
    "chat:write": "ask language models",
    "keys:read": "see one's own API keys",
    "keys:write": "make, change, rotate and revoke one's own API keys",
    "limits:write": "change what one's own API keys may use",
    "models:read": "see which models there are",
    "sessions:write": "end one's own sessions",
    "users:read": "see every user",
    "users:write": "make, change and remove users",
}
_VIEWER = frozenset({"agents:read", "keys:read", "models:read", "sessions:write"})
_USER = _VIEWER | {"agents:connect", "chat:write", "keys:write"}
ROLES: dict[str, frozenset[str]] = {
    "admin": frozenset(PERMISSIONS),
    "operator": _USER | {"audit:read", "limits:write", "users:read"},
    "user": _USER,
    "viewer": _VIEWER,
}


def of_role(role: str) -> frozenset[str]:
    """Return what a role may; nothing when it is unknown."""
    return ROLES.get(role, frozenset())


def of_key(role: str, granted: Iterable[str]) -> frozenset[str]:
    """Return what a key may: what it was granted and its owner's role has."""
    return of_role(role) & frozenset(granted)


def unknown(names: Iterable[str]) -> list[str]:
    """Return the names that are not in the table, sorted."""
    return sorted(set(names) - set(PERMISSIONS))
