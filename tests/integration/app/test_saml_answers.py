"""What a SAML answer must not get past the service; a real provider signs each with xmlsec1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from saml2.saml import NAMEID_FORMAT_TRANSIENT, NameID
from saml2.xmldsig import DIGEST_SHA1, SIG_RSA_SHA1

from app.identity import config, flow
from app.identity.flow import BadAnswer, Flow
from app.identity.saml import SamlProvider
from app.settings import Settings
from tests.integration.app.samlidp import ACS, ENTITY, Idp, encoded, idp

PEPPER = "0123456789abcdef"
ASSERTION = re.compile(r"<ns1:Assertion .*</ns1:Assertion>", re.DOTALL)
SIGNATURE = re.compile(r"<ns2:Signature .*</ns2:Signature>", re.DOTALL)
pytestmark = pytest.mark.filterwarnings(  # pysaml2 leaves its temporary files to the collector
    "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@dataclass
class Stage:
    """The provider, what the service knows of it, and one browser on its way."""

    idp: Idp
    ours: SamlProvider
    way: Flow
    request: str

    async def why(self, xml: str) -> str:
        """Return why an answer is refused, "" when it is not."""
        try:
            await self.ours.prove(self.way, encoded(xml))
        except BadAnswer as error:
            return error.why
        return ""


def ours(idp: Idp, directory: Path) -> SamlProvider:
    """Return what the service knows of a provider."""
    (directory / "identity_saml_metadata").write_text(idp.metadata)
    settings = Settings(
        identity=idp.toml(), public_url="https://dash.example.org", key_pepper=SecretStr(PEPPER)
    )
    found = config.load(settings).saml
    assert found is not None
    return SamlProvider(found, settings)


@pytest.fixture(name="make")
def _make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stage]]:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    made: list[SamlProvider] = []

    def make(minutes: int = 5) -> Stage:
        metadata = ours(idp(tmp_path / "first"), tmp_path).metadata()
        provider = idp(tmp_path / "idp", metadata, minutes=minutes)
        made.append(ours(provider, tmp_path))
        way, _ = flow.begin("saml", PEPPER)
        return Stage(provider, made[-1], way, provider.read(made[-1].address(way)))

    yield make
    for each in made:
        each.close()


@pytest.fixture(name="stage")
def _stage(make: Callable[..., Stage]) -> Stage:
    return make()


async def test_a_signed_assertion_proves_who_it_is(stage: Stage) -> None:
    found = await stage.ours.prove(stage.way, encoded(stage.idp.answer(stage.request)))
    assert found.proof.subject == f"{ENTITY} ann-for-ever"
    assert (found.proof.email, found.proof.role) == ("ann@example.org", "operator")
    assert 0 < found.seconds < 500


async def test_an_unsigned_assertion_is_refused(stage: Stage) -> None:
    xml = stage.idp.answer(stage.request, sign_assertion=False)
    assert await stage.why(xml) == "unsigned"


async def test_a_signature_around_the_answer_is_none_of_the_assertion(stage: Stage) -> None:
    xml = stage.idp.answer(stage.request, sign_assertion=False, sign_response=True)
    assert await stage.why(xml) == "unsigned"


async def test_a_changed_assertion_is_refused(stage: Stage) -> None:
    xml = stage.idp.answer(stage.request)
    assert await stage.why(xml.replace(">ops<", ">root<")) == "SignatureError"
    assert await stage.why(xml.replace("ann-for-ever", "bob-for-ever")) == "SignatureError"
    assert await stage.why(xml.replace("ann@", "bob@")) == "SignatureError"


async def test_an_assertion_of_another_key_is_refused(stage: Stage, tmp_path: Path) -> None:
    """Under the same name: the key in the answer itself is not believed."""
    eve = idp(tmp_path / "eve", stage.ours.metadata())
    assert await stage.why(eve.answer(stage.request)) == "SignatureError"


async def test_an_answer_to_another_browser_is_refused(stage: Stage) -> None:
    other, _ = flow.begin("saml", PEPPER)
    xml = stage.idp.answer(stage.idp.read(stage.ours.address(other)))
    assert await stage.why(xml) == "UnsolicitedResponse"
    theirs = xml.split('InResponseTo="')[1].split('"')[0]
    # Only the answer around it can be changed; what was signed still says for whom it is.
    assert await stage.why(xml.replace(theirs, stage.request, 1)) == "UnsolicitedResponse"


async def test_an_answer_that_nobody_asked_for_is_refused(stage: Stage) -> None:
    xml = stage.idp.answer(stage.request)
    bare = re.sub(r' InResponseTo="[^"]*"', "", xml, count=1)
    assert await stage.why(bare) == "UnsolicitedResponse"


async def test_an_expired_assertion_is_refused(make: Callable[..., Stage]) -> None:
    stage = make(minutes=-5)
    assert await stage.why(stage.idp.answer(stage.request)) == "VerificationError"


async def test_an_assertion_for_another_service_is_refused(stage: Stage) -> None:
    xml = stage.idp.answer(stage.request, sp_entity_id="https://other.example.org/metadata")
    assert await stage.why(xml) == "Exception"  # of the library: the audience


async def test_an_assertion_for_another_address_is_refused(stage: Stage) -> None:
    xml = stage.idp.answer(stage.request, destination="https://other.example.org/acs")
    assert await stage.why(xml) == "no assertion"  # of the library: the destination
    outside = xml.replace('Destination="https://other.example.org/acs"', f'Destination="{ACS}"')
    assert outside != xml
    assert await stage.why(outside) in ("VerificationError", "confirmation")


async def test_old_digests_and_names_for_one_visit_are_refused(stage: Stage) -> None:
    old = stage.idp.answer(stage.request, sign_alg=SIG_RSA_SHA1)
    assert await stage.why(old) == "algorithm"
    assert await stage.why(stage.idp.answer(stage.request, digest_alg=DIGEST_SHA1)) == "algorithm"
    visit = NameID(format=NAMEID_FORMAT_TRANSIENT, text="somebody")
    assert await stage.why(stage.idp.answer(stage.request, name_id=visit)) == "name"


def _evil(assertion: str) -> str:
    """Return an assertion that is unsigned and says root."""
    bare = SIGNATURE.sub("", assertion).replace(">ops<", ">root<")
    return re.sub(r'ID="[^"]*"', 'ID="evil"', bare, count=1)


WRAPPED: dict[str, Callable[[str, str], str]] = {
    "evil one first": lambda xml, good: xml.replace(good, _evil(good) + good),
    "evil one last": lambda xml, good: xml.replace(good, good + _evil(good)),
    "good one in the evil one": lambda xml, good: xml.replace(
        good, _evil(good).replace("</ns1:Assertion>", good + "</ns1:Assertion>")
    ),
    "good one in the evil one's signature": lambda xml, good: xml.replace(
        good,
        _evil(good).replace(
            "<ns1:Subject>",
            SIGNATURE.findall(good)[0].replace(
                "</ns2:Signature>", f"<ns2:Object>{good}</ns2:Object></ns2:Signature>"
            )
            + "<ns1:Subject>",
            1,
        ),
    ),
    "good one in an extension": lambda xml, good: xml.replace(
        good, f"<ns0:Extensions>{good}</ns0:Extensions>{_evil(good)}"
    ),
    "same id twice": lambda xml, good: xml.replace(
        good, _evil(good).replace('"evil"', good.split('ID="')[1].split('"')[0].join('""')) + good
    ),
}


@pytest.mark.parametrize("how", WRAPPED)
async def test_a_signature_around_another_assertion_is_refused(stage: Stage, how: str) -> None:
    xml = stage.idp.answer(stage.request)
    good = ASSERTION.findall(xml)[0]
    wrapped = WRAPPED[how](xml, good)
    assert ">root<" in wrapped
    assert SIGNATURE.search(wrapped)
    assert await stage.why(wrapped) == "assertions"


async def test_a_comment_in_a_name_does_not_cut_it(stage: Stage) -> None:
    """The signature does not cover comments; a parser that stops at one reads another name."""
    long = NameID(format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", text="ann.evil")
    xml = stage.idp.answer(stage.request, name_id=long).replace("ann.evil", "ann<!-- -->.evil")
    try:
        found = await stage.ours.prove(stage.way, encoded(xml))
    except BadAnswer:
        return
    assert found.proof.subject == f"{ENTITY} ann.evil"


HEAD = '<?xml version="1.0"?>'
BOMB = (
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
DECLARED = {
    "a bomb": (BOMB, "&c;"),
    "a file": ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
    "an address": ('<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]>', "&x;"),
    "a parameter": ('<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:1/">%p;]>', ""),
    "nothing": ("<!DOCTYPE r>", ""),
}


@pytest.mark.parametrize("what", DECLARED)
async def test_a_document_that_declares_anything_is_refused_unread(stage: Stage, what: str) -> None:
    declared, used = DECLARED[what]
    xml = stage.idp.answer(stage.request).replace(HEAD, HEAD + declared, 1)
    xml = xml.replace("ann@example.org", f"{used}ann@example.org", 1)
    assert declared in xml
    assert await stage.why(xml) == "DTDForbidden"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "ParseError"),
        ("%%%", "Only base64 data is allowed"),
        (encoded("<a/>"), "response"),
        (encoded("no xml"), "ParseError"),
        (encoded("<a>" * 200_000), "size"),
    ],
)
async def test_what_is_no_answer_is_refused(stage: Stage, answer: str, why: str) -> None:
    with pytest.raises(BadAnswer) as raised:
        await stage.ours.prove(stage.way, answer)
    assert raised.value.why == why


async def test_an_answer_that_says_no_is_refused(stage: Stage) -> None:
    xml: Any = stage.idp.server.create_error_response(stage.request, ACS, Exception("no"))
    assert await stage.why(str(xml)) == "assertions"
