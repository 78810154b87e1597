"""A SAML 2.0 identity provider: what is asked of it, and what its assertions are worth.

pysaml2 and xmlsec1 check signatures, times and addresses. What stands beside them here is what
they let pass: no confirmation without an end, one assertion in the whole document, no old digests.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import calendar
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import create_metadata_string
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT
from saml2.time_util import str_to_time

from app import log
from app.errors import ApiError, Unavailable
from app.identity import samlxml
from app.identity.flow import BadAnswer
from app.identity.people import Proof
from app.settings import SettingsError

if TYPE_CHECKING:
    from app.identity.config import Saml
    from app.identity.flow import Flow
    from app.settings import Settings

METADATA = "identity_saml_metadata"  # a credential
ACS, OWN_METADATA = "/sign-in/saml/acs", "/sign-in/saml/metadata"
MOST_WAITING = 16  # answers that wait for a thread
_log = log.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Asserted:
    """A proof, and by which assertion; it counts once until it expires by itself."""

    proof: Proof
    assertion: str
    seconds: float


class SamlProvider:
    """One provider."""

    def __init__(self, config: Saml, settings: Settings) -> None:
        self._config = config
        self._acs = settings.public_url + ACS
        self._entity = config.entity_id or settings.public_url + OWN_METADATA
        self._conf = _conf(config, settings, self._entity, self._acs)
        self._idp, self._sso = _provider(self._conf)
        self._threads = ThreadPoolExecutor(config.checks, thread_name_prefix="saml")
        self._waiting = 0

    def address(self, flow: Flow) -> str:
        """Return where to send a browser."""
        client = Saml2Client(config=self._conf)
        _, wish = client.create_authn_request(
            self._sso,
            binding=BINDING_HTTP_POST,
            message_id=_request(flow),
            nameid_format=NAMEID_FORMAT_PERSISTENT,
        )
        made = client.apply_binding(
            BINDING_HTTP_REDIRECT, str(wish), self._sso, relay_state=flow.secret("state")
        )
        return str(dict(made["headers"])["Location"])

    def metadata(self) -> str:
        """Return what a provider has to know of us."""
        made: bytes = create_metadata_string(None, config=self._conf)
        return made.decode()

    async def prove(self, flow: Flow, answer: str) -> Asserted:
        """Return what an answer proves.

        Raises:
            BadAnswer: nothing, or not to this browser.
            ApiError: too many wait (429).
            Unavailable: it takes too long.
        """
        if self._waiting >= MOST_WAITING:
            raise ApiError(429, "busy", "too many answers are being checked", retry_after=2)
        self._waiting += 1
        task = asyncio.get_running_loop().run_in_executor(
            self._threads, self._checked, _request(flow), answer
        )
        task.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._config.seconds)
        except TimeoutError:
            raise Unavailable("the answer could not be checked in time") from None

    def _done(self, ended: asyncio.Future[Asserted]) -> None:
        self._waiting -= 1
        if not ended.cancelled():
            ended.exception()

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _checked(self, request: str, answer: str) -> Asserted:
        try:
            samlxml.check(base64.b64decode(answer, validate=True))
        except (samlxml.BadDocument, binascii.Error, ValueError) as error:
            raise BadAnswer(str(error) or type(error).__name__) from None
        try:
            client = Saml2Client(config=self._conf)
            found = client.parse_authn_request_response(
                answer, BINDING_HTTP_POST, outstanding={request: self._acs}
            )
        except Exception as error:  # noqa: BLE001 -- whatever it is, the answer proves nothing
            raise BadAnswer(type(error).__name__) from None
        if found is None or found.assertion is None:
            raise BadAnswer("no assertion")
        return self._asserted(request, found.assertion)

    def _asserted(self, request: str, assertion: Any) -> Asserted:  # noqa: ANN401 -- untyped there
        if assertion.issuer is None or assertion.issuer.text.strip() != self._idp:
            raise BadAnswer("issuer")
        ends = self._confirmed(request, assertion)
        audiences = [
            each.text.strip()
            for restriction in (assertion.conditions or _Nothing).audience_restriction
            for each in restriction.audience
        ]
        if self._entity not in audiences:
            raise BadAnswer("audience")
        name = assertion.subject.name_id
        if name is None or not (name.text or "").strip() or name.format == NAMEID_FORMAT_TRANSIENT:
            raise BadAnswer("name")
        emails = _values(assertion, self._config.email)
        proof = Proof(
            provider="saml",
            subject=f"{self._idp} {name.text.strip()}",
            email=emails[0] if emails else "",
            verified=True,  # a provider of a company is kept by those who give the addresses
            role=self._config.role(_values(assertion, self._config.groups)),
            link=self._config.link,
        )
        return Asserted(
            proof=proof, assertion=f"{self._idp} {assertion.id}", seconds=ends - time.time() + 60
        )

    def _confirmed(self, request: str, assertion: Any) -> float:  # noqa: ANN401 -- untyped there
        """Return when the assertion ends: it is for this request, for us, and does end."""
        for confirmation in assertion.subject.subject_confirmation:
            data = confirmation.subject_confirmation_data
            if (
                data is not None
                and data.in_response_to == request
                and data.recipient == self._acs
                and data.not_on_or_after
            ):
                skew = self._config.skew_seconds
                ends = calendar.timegm(str_to_time(data.not_on_or_after)) + skew
                if ends > time.time():
                    return ends
        raise BadAnswer("confirmation")


class _Nothing:
    audience_restriction: tuple[()] = ()


def _request(flow: Flow) -> str:
    """Return the id of the one request to which a browser may bring an answer."""
    return f"_{flow.secret('request')}"


def _values(assertion: Any, name: str) -> list[str]:  # noqa: ANN401 -- untyped there
    """Return the values of an attribute by its name or friendly name."""
    return [
        value.text.strip()
        for statement in assertion.attribute_statement
        for attribute in statement.attribute
        if name in (attribute.name, attribute.friendly_name)
        for value in attribute.attribute_value
        if value.text and value.text.strip()
    ]


def _conf(config: Saml, settings: Settings, entity: str, acs: str) -> SPConfig:
    program = shutil.which("xmlsec1")
    if program is None:
        raise SettingsError("saml needs the program xmlsec1: apt-get install xmlsec1")
    given = settings.credential(METADATA)
    said = {
        "entityid": entity,
        "xmlsec_binary": program,
        "accepted_time_diff": config.skew_seconds,
        "allow_unknown_attributes": True,
        "metadata": {"inline": [given]},
        "service": {
            "sp": {
                "endpoints": {"assertion_consumer_service": [(acs, BINDING_HTTP_POST)]},
                "allow_unsolicited": False,
                "authn_requests_signed": False,
                "want_assertions_signed": True,
                "want_response_signed": False,
            }
        },
    }
    try:
        return SPConfig().load(said)
    except Exception as error:  # noqa: BLE001 -- the library names no class of its own for it
        raise SettingsError(
            f"the credential {METADATA} is no metadata of SAML ({type(error).__name__})"
        ) from None


def _provider(conf: SPConfig) -> tuple[str, str]:
    """Return the one provider of the metadata, and where it signs people in."""
    names = list(conf.metadata.identity_providers())
    if len(names) != 1:
        raise SettingsError(
            f"the credential {METADATA} names {len(names)} identity providers: give it one"
        )
    places = conf.metadata.single_sign_on_service(names[0], BINDING_HTTP_REDIRECT)
    if not places:
        raise SettingsError(f"the credential {METADATA} has no sign-on service by redirect")
    return str(names[0]), str(places[0]["location"])
