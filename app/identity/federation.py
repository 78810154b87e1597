"""The ways to sign in that are configured. What they need is imported when they are."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.identity import config

if TYPE_CHECKING:
    from app.access.sessionservice import Directory
    from app.identity.config import Identity
    from app.identity.oidc import OidcProvider
    from app.identity.saml import SamlProvider
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
    oidc: OidcProvider | None = None
    saml: SamlProvider | None = None
    ways: tuple[Way, ...] = ()

    def close(self) -> None:
        """End what runs beside the loop."""
        if self.saml is not None:
            self.saml.close()


def build(settings: Settings) -> Federation:
    """Return what the settings name.

    Raises:
        SettingsError: something cannot be, or a credential is missing.
    """
    found = config.load(settings)
    ldap = oidc = saml = None
    if found.ldap is not None:
        from app.identity.ldap import LdapDirectory  # noqa: PLC0415 -- costs memory and start time

        ldap = LdapDirectory(found.ldap, settings)
    if found.oidc is not None:
        from app.identity.oidc import OidcProvider  # noqa: PLC0415 -- the same

        oidc = OidcProvider(found.oidc, settings)
    if found.saml is not None:
        # They quote what strangers send, and at debug whole assertions.
        for name in ("saml2", "xmlschema"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        from app.identity.saml import SamlProvider  # noqa: PLC0415 -- the same

        saml = SamlProvider(found.saml, settings)
    return Federation(ldap=ldap, oidc=oidc, saml=saml, ways=ways(found))


def ways(found: Identity) -> tuple[Way, ...]:
    """Return what a page offers beside email and password; a directory needs no way of its own."""
    offered = (("oidc", found.oidc), ("saml", found.saml))
    return tuple(
        Way(label=each.label, url=f"/sign-in/{name}") for name, each in offered if each is not None
    )
