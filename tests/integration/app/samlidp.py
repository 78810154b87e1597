"""A SAML identity provider that signs for real: pysaml2's, with xmlsec1 and a key of its own."""

from __future__ import annotations

import base64
import json
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from saml2 import BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

from tests.certificates import certificate

ENTITY = "https://idp.example.org/metadata"
SSO = "https://idp.example.org/sso"
SP = "https://dash.example.org/sign-in/saml/metadata"
ACS = "https://dash.example.org/sign-in/saml/acs"
AUTHN = {"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": ENTITY}


@dataclass
class Idp:
    """The provider. `metadata` is what the service knows of it."""

    server: Any
    metadata: str

    def read(self, location: str) -> str:
        """Return the id of the request that a browser brings."""
        message = location.partition("SAMLRequest=")[2].partition("&")[0]
        asked = self.server.parse_authn_request(unquote(message), BINDING_HTTP_REDIRECT)
        assert asked.message.assertion_consumer_service_url in (None, ACS)
        return str(asked.message.id)

    def answer(self, request: str, **more: Any) -> str:
        """Return a response in XML, signed unless told otherwise."""
        said = {
            "identity": {"mail": ["ann@example.org"], "groups": ["ops"]},
            "destination": ACS,
            "sp_entity_id": SP,
            "name_id": NameID(format=NAMEID_FORMAT_PERSISTENT, text="ann-for-ever"),
            "authn": AUTHN,
            "sign_assertion": True,
            "sign_response": False,
            "sign_alg": SIG_RSA_SHA256,
            "digest_alg": DIGEST_SHA256,
        } | more
        return str(self.server.create_authn_response(in_response_to=request, **said))

    def toml(self, **more: object) -> str:
        """Return the service's configuration for it."""
        lines = [f"{name} = {json.dumps(value)}" for name, value in more.items()]
        return "\n".join(["[saml]", *lines, '[saml.roles]\nops = "operator"\nroot = "admin"\n'])


def encoded(xml: str) -> str:
    """Return a response as a form has it."""
    return base64.b64encode(xml.encode()).decode()


def idp(directory: Path, sp_metadata: str = "", *, minutes: int = 5) -> Idp:
    """Return a provider; `minutes` is how long its assertions count."""
    directory.mkdir(exist_ok=True)
    cert = certificate(directory / "idp.pem", old=True)
    conf = IdPConfig().load(
        {
            "entityid": ENTITY,
            "xmlsec_binary": shutil.which("xmlsec1"),
            "key_file": str(cert),
            "cert_file": str(cert),
            "metadata": {"inline": [sp_metadata]} if sp_metadata else {},
            "service": {
                "idp": {
                    "endpoints": {"single_sign_on_service": [(SSO, BINDING_HTTP_REDIRECT)]},
                    "policy": {
                        "default": {
                            "lifetime": {"minutes": minutes},
                            "attribute_restrictions": None,
                            "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
                        }
                    },
                    "want_authn_requests_signed": False,
                }
            },
        }
    )
    made = create_metadata_string(None, config=conf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the library itself imports
        from saml2.server import Server  # noqa: PLC0415 -- see above
    return Idp(server=Server(config=conf), metadata=made.decode())
