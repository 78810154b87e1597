"""The form of a SAML answer, before anybody believes a word of it.

Signature wrapping hides a second assertion somewhere in the document: there is to be one. A
document that declares anything (entities, external ones, bombs) is refused unread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

MOST = 262_144  # bytes
_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_RESPONSE = "{urn:oasis:names:tc:SAML:2.0:protocol}Response"
_DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"
SIGNATURES = {f"{_MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)}
DIGESTS = {f"{_ENC}sha256", f"{_ENC}sha512", f"{_MORE}sha384"}


class BadDocument(Exception):
    """It has not the form of an answer; `str()` is a word."""


def check(document: bytes) -> None:
    """Look at the form of an answer. Raises BadDocument."""
    if len(document) > MOST:
        raise BadDocument("size")
    try:
        root = fromstring(document, forbid_dtd=True)
    except (DefusedXmlException, ParseError, ValueError, RecursionError) as error:
        raise BadDocument(type(error).__name__) from None
    elements = list(root.iter())
    if root.tag != _RESPONSE or len(_named(elements, _RESPONSE)) != 1:
        raise BadDocument("response")
    if _named(elements, f"{_SAML}EncryptedAssertion"):
        raise BadDocument("encrypted")
    assertions = _named(elements, f"{_SAML}Assertion")
    if len(assertions) != 1 or assertions[0] not in list(root):
        raise BadDocument("assertions")
    if assertions[0].find(f"{_DSIG}Signature") is None:
        raise BadDocument("unsigned")
    _check_signatures(elements)


def _check_signatures(elements: Sequence[Element]) -> None:
    ids = [value for e in elements for name, value in e.items() if name.lower() == "id"]
    if len(ids) != len(set(ids)):
        raise BadDocument("ids")
    if _named(elements, f"{_DSIG}Object"):
        raise BadDocument("object")
    for tag, known in (("SignatureMethod", SIGNATURES), ("DigestMethod", DIGESTS)):
        if any(e.get("Algorithm") not in known for e in _named(elements, f"{_DSIG}{tag}")):
            raise BadDocument("algorithm")


def _named(elements: Sequence[Element], tag: str) -> list[Element]:
    return [element for element in elements if element.tag == tag]
