"""A directory says who somebody is: found by the service's own account, bound as themselves."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from typing import TYPE_CHECKING

from sansldap import FilterAnd, FilterEquality, FilterOr, LDAPFilter

from app import log
from app.errors import Unavailable
from app.identity.ldapwire import Failed, Wire
from app.identity.people import Proof
from app.settings import SettingsError

if TYPE_CHECKING:
    from app.identity.config import Ldap
    from app.identity.ldapwire import Entry
    from app.settings import Settings

PASSWORD, CA = "identity_ldap_password", "identity_ldap_ca"  # credentials
MOST_GROUPS = 1000
PORTS = {"tls": 636, "starttls": 389, "none": 389}
_log = log.get(__name__)


class LdapDirectory:
    """One directory. Each sign-in has a connection of its own: who is bound never mixes."""

    def __init__(self, config: Ldap, settings: Settings) -> None:
        self._config = config
        self._password = settings.credential(PASSWORD) if config.bind_dn else ""
        self._context = None if config.security == "none" else _context(settings)
        self._slots = asyncio.Semaphore(config.connections)
        try:
            self._people = LDAPFilter.from_string(config.filter)
        except ValueError as error:
            raise SettingsError(f"ldap.filter is no filter: {error}") from None

    async def prove(self, login: str, password: str) -> Proof | None:
        """Return what the directory says of a person: see Directory."""
        if not password:  # a bind without one succeeds for everybody: it is an anonymous one
            return None
        config = self._config
        try:
            async with asyncio.timeout(config.seconds), self._slots:
                wire = await Wire.open(
                    config.host,
                    config.port or PORTS[config.security],
                    self._context,
                    starttls=config.security == "starttls",
                )
                try:
                    return await self._prove(wire, login, password)
                finally:
                    await wire.close()
        except (Failed, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            _log.error("identity.ldap_failed", host=config.host, why=why)
            raise Unavailable("the directory does not answer") from None

    async def _prove(self, wire: Wire, login: str, password: str) -> Proof | None:
        config = self._config
        if config.bind_dn and not await wire.bind(config.bind_dn, self._password):
            raise Failed("the service's own account was refused: see ldap.bind_dn")
        person = await self._person(wire, login)
        # Who is not there costs the same questions.
        nobody = f"cn={secrets.token_hex(8)},{config.base}"
        dn = person.dn if person is not None else nobody
        groups = await self._groups(wire, dn) if config.group_base else None
        if not await wire.bind(dn, password) or person is None:
            return None
        subject = _text(person, config.subject)
        if not subject:
            raise Failed(f"a person has no {config.subject}: see ldap.subject")
        if groups is None:
            found = person.attributes.get(config.groups.lower(), ())
            groups = [value.decode("utf-8", "replace") for value in found]
        return Proof(
            provider="ldap",
            subject=subject,
            email=_text(person, config.email),
            verified=True,  # a directory is kept by those who give the addresses
            role=config.role(groups),
            link=config.link,
        )

    async def _person(self, wire: Wire, login: str) -> Entry | None:
        """Return the one entry that a login names; what it holds is a value and never a filter."""
        config = self._config
        named = FilterOr([FilterEquality(name, login.encode()) for name in config.login])
        found = await wire.search(
            config.base,
            FilterAnd([self._people, named]),
            [config.subject, config.email, config.groups],
            2,
            config.seconds,
        )
        if len(found) > 1:
            _log.warning("identity.ldap_ambiguous", entries=len(found))
        return found[0] if len(found) == 1 and found[0].dn else None

    async def _groups(self, wire: Wire, dn: str) -> list[str]:
        config = self._config
        member = FilterEquality(config.group_member, dn.encode())
        found = await wire.search(config.group_base, member, ["1.1"], MOST_GROUPS, config.seconds)
        if len(found) == MOST_GROUPS:
            raise Failed(f"somebody is in {MOST_GROUPS} groups or more: see ldap.group_base")
        return [entry.dn for entry in found]


def _text(entry: Entry, name: str) -> str:
    """Return an attribute's first value; a GUID of Active Directory is bytes."""
    value = next(iter(entry.attributes.get(name.lower(), ())), b"")
    try:
        return value.hex() if name.lower() == "objectguid" else value.decode()
    except UnicodeDecodeError:
        return ""


def _context(settings: Settings) -> ssl.SSLContext:
    """Return TLS 1.2 or better, with the host's authorities or the credential's instead."""
    given = settings.optional_credential(CA)
    try:
        context = ssl.create_default_context(cadata=given or None)
    except ssl.SSLError:
        raise SettingsError(f"the credential {CA} holds no certificates in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
