"""The ways to sign in that are configured. What they need is imported when they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.identity import config

if TYPE_CHECKING:
    from app.access.sessionservice import Directory
    from app.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to sign in at a provider's own page."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Federation:
    """What is configured; all of it is None in a service that nobody told."""

    ldap: Directory | None = None

    @property
    def ways(self) -> list[Way]:
        """The ways that a page offers beside email and password."""
        return []


def build(settings: Settings) -> Federation:
    """Return what the settings name.

    Raises:
        SettingsError: something cannot be, or a credential is missing.
    """
    found = config.load(settings)
    ldap = None
    if found.ldap is not None:
        from app.identity.ldap import LdapDirectory  # noqa: PLC0415 -- costs memory and start time

        ldap = LdapDirectory(found.ldap, settings)
    return Federation(ldap=ldap)
