"""The one file that says who else vouches for people, and which groups have which role."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app import tomlfile
from app.access.users import ROLES
from app.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.settings import Settings

IN_PLACE = "DASH_APP_IDENTITY"  # what it is called when it is no file
Role = Literal["admin", "operator", "user", "viewer"]
Label = Annotated[str, Field(min_length=1, max_length=60)]
Attribute = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9;._-]{0,99}$")]
Seconds = Annotated[float, Field(gt=0, le=30)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Provider(_Part):
    """What all kinds have in common.

    `default_role` is of whoever is in none of the groups; empty keeps them out. `link` lets people
    with a verified email into the local account that has it, never into an administrator's.
    """

    label: Label
    roles: dict[str, Role] = Field(default_factory=dict)
    default_role: Literal["", "admin", "operator", "user", "viewer"] = "user"
    link: bool = False

    def group(self, name: str) -> str:
        """Return the form of a group's name that is compared."""
        return name

    def role(self, groups: Iterable[str]) -> str | None:
        """Return the strongest role of some groups, None when there is none to have."""
        known = {self.group(name): role for name, role in self.roles.items()}
        found = {known[name] for name in map(self.group, groups) if name in known}
        return next((role for role in ROLES if role in found), self.default_role or None)


class Ldap(Provider):
    """A directory: it finds a person as itself, and binds as them with what they typed."""

    label: Label = "Directory"
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    security: Literal["tls", "starttls", "none"] = "tls"
    seconds: Seconds = 5  # for all of one sign-in
    connections: Annotated[int, Field(ge=1, le=64)] = 8  # of a process at the same time
    bind_dn: str = ""  # empty: anonymous
    base: Annotated[str, Field(min_length=1)]
    filter: str = "(objectClass=person)"
    login: Annotated[tuple[Attribute, ...], Field(min_length=1)] = ("uid", "mail")
    subject: Attribute = "entryUUID"  # what never changes; objectGUID in Active Directory
    email: Attribute = "mail"
    groups: Attribute = "memberOf"  # of a person; with `group_base` not looked at
    group_base: str = ""  # where groups are searched instead, by their members
    group_member: Attribute = "member"

    def group(self, name: str) -> str:
        """Return a group's distinguished name as all write it."""
        return ",".join(part.strip() for part in name.casefold().split(","))

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.security == "none" and not _loopback(self.host):
            raise ValueError(
                f"ldap.security{tomlfile.MARK}none is for a directory on this host alone: "
                "say tls or starttls"
            )
        return self


class Oidc(Provider):
    """An OpenID Connect provider, found by its discovery document."""

    label: Label = "OpenID Connect"
    issuer: Annotated[str, Field(pattern=r"^https?://[^\s?#@]+$")]
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithms: Annotated[tuple[Literal["RS256", "ES256"], ...], Field(min_length=1)] = (
        "RS256",
        "ES256",
    )
    seconds: Seconds = 5  # for each question to the provider
    skew_seconds: Annotated[float, Field(ge=0, le=300)] = 30  # between two clocks
    email: str = "email"  # claims
    groups: str = "groups"

    @model_validator(mode="after")
    def _https(self) -> Self:
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not _loopback(parts.hostname or ""):
            raise ValueError(f"oidc.issuer{tomlfile.MARK}write https://")
        return self


class Saml(Provider):
    """A SAML 2.0 identity provider. Its metadata is the credential identity_saml_metadata."""

    label: Label = "SAML"
    entity_id: str = ""  # ours; empty: the address of our metadata
    skew_seconds: Annotated[int, Field(ge=0, le=300)] = 30
    email: str = "mail"  # attributes, by friendly name or by name
    groups: str = "groups"
    seconds: Seconds = 5  # for looking at an answer
    checks: Annotated[int, Field(ge=1, le=16)] = 2  # of answers at the same time


class Identity(_Part):
    """The whole file."""

    ldap: Ldap | None = None
    oidc: Oidc | None = None
    saml: Saml | None = None


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(settings: Settings) -> Identity:
    """Read what the settings name; nothing is one without any.

    Raises:
        SettingsError: it cannot be; the line says file and key.
    """
    if not settings.identity:
        return Identity()
    found = tomlfile.read(Identity, settings.identity, IN_PLACE)
    if (found.oidc or found.saml) and not settings.public_url:
        raise SettingsError(
            "DASH_APP_PUBLIC_URL is missing: identity providers send people back to it"
        )
    return found
