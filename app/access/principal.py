"""Who a request acts for, however it proved that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Where a request comes from: for sessions, limits and the audit log."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A user, with what this request may do in their name.

    `permissions` is already cut to what the role has. Exactly one of `key_id` (an API key) and
    `session_id` (a browser) says how the request came in.
    """

    user_id: UUID
    role: str
    permissions: frozenset[str]
    key_id: UUID | None = None
    session_id: UUID | None = None
    address: str = ""

    def may(self, permission: str) -> bool:
        """Tell whether something is allowed."""
        return permission in self.permissions
