"""A conforming OpenID provider on loopback: idpyoidc's, behind a server of the standard library."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, RSAKey

CLIENT, PERSON = "dash", "annie"
SECRET = "what-the-client-says-in-32-bytes-and-more"  # pragma: allowlist secret
CALLBACK = "https://dash.example.org/sign-in/oidc/callback"
KEYS = [{"type": "RSA", "use": ["sig"]}, {"type": "EC", "crv": "P-256", "use": ["sig"]}]
CLAIMS = {"email": "ann@example.org", "email_verified": True, "groups": ["ops"]}
_CRYPT = [{"type": "OCT", "use": ["enc"], "kid": kid} for kid in ("password", "salt")]
CODE = {
    "lifetime": 600,
    "kwargs": {"crypt_conf": {"kwargs": {"keys": {"key_defs": _CRYPT}, "iterations": 1}}},
}


@dataclass
class Provider:
    """The provider, and what a test wants it to do wrong.

    `change` gets header and claims of each ID token and returns the token that is given instead.
    """

    port: int
    server: Any
    change: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    padding: int = 0  # bytes after an answer with tokens
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def claims(self) -> dict[str, Any]:
        """What it knows of the one person; a test may change it."""
        found: dict[str, Any] = self.server.context.userinfo.db[PERSON]
        return found

    def key(self, kind: str = "RSA") -> Key:
        """Return its own key for signatures."""
        found = next(k for k in self.server.keyjar.get_signing_key(kind) if k.kid)
        pem = found.private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        kinds = {"RSA": RSAKey, "EC": ECKey}
        made: Key = kinds[kind].import_key(pem, {"kid": found.kid})  # type: ignore[attr-defined] # both have it
        return made

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """Return a token that it signed."""
        key = self.key("EC" if header["alg"] == "ES256" else "RSA")
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])

    def rotate(self) -> None:
        """Sign with new keys from now on, and publish the new ones alone."""
        fresh = Server(_configuration(self.issuer)).keyjar
        self.server.keyjar._issuers = fresh._issuers
        self.server.keyjar.add_symmetric(CLIENT, SECRET)

    def toml(self, **more: object) -> str:
        """Return the service's configuration for it."""
        said: dict[str, object] = {"issuer": self.issuer, "client_id": CLIENT} | more
        lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
        return "\n".join(["[oidc]", *lines, '[oidc.roles]\nops = "operator"\nroot = "admin"\n'])


_OIDC = "idpyoidc.server.oidc."
ENDPOINTS = {
    name: {"path": path, "class": f"{_OIDC}{kind}", "kwargs": more}
    for name, path, kind, more in (
        (
            "provider_info",
            ".well-known/openid-configuration",
            "provider_config.ProviderConfiguration",
            {},
        ),
        ("authorization", "authorization", "authorization.Authorization", {}),
        ("token", "token", "token.Token", {"client_authn_method": ["client_secret_basic"]}),
        ("userinfo", "userinfo", "userinfo.UserInfo", {"client_authn_method": ["bearer_header"]}),
    )
}
TOKENS = {
    "key_conf": {"key_defs": KEYS},
    "code": CODE,
    "token": {
        "class": "idpyoidc.server.token.jwt_token.JWTToken",
        "kwargs": {"lifetime": 3600},
    },
    "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {}},
}


def _configuration(issuer: str) -> OPConfiguration:
    anybody = {
        "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:InternetProtocolPassword",
        "class": "idpyoidc.server.user_authn.user.NoAuthn",
        "kwargs": {"user": PERSON},
    }
    pkce = {
        "function": "idpyoidc.server.oauth2.add_on.pkce.add_support",
        "kwargs": {"essential": True, "code_challenge_methods": {"S256": None}},
    }
    people = {
        "class": "idpyoidc.server.user_info.UserInfo",
        "kwargs": {"db": {PERSON: dict(CLAIMS)}},
    }
    conf = {
        "issuer": issuer,
        "httpc_params": {"verify": True, "timeout": 2},
        "keys": {"uri_path": "jwks.json", "key_defs": KEYS},
        "key_conf": {"key_defs": KEYS},
        "endpoint": ENDPOINTS,
        "authentication": {"anon": anybody},
        "add_ons": {"pkce": pkce},
        "userinfo": people,
        "scopes_to_claims": {
            "openid": ["sub"],
            "email": ["email", "email_verified"],
            "profile": ["groups"],
        },
        "token_handler_args": TOKENS,
    }
    return OPConfiguration(deepcopy(conf), base_path="/tmp")  # it writes into what it gets


class _Handler(BaseHTTPRequestHandler):
    """The provider's endpoints over HTTP."""

    provider: Provider

    def do_GET(self) -> None:
        """Describe, show keys, authorise, tell of a person."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self._answer(parts.path.lstrip("/"), query)

    def do_POST(self) -> None:
        """Give tokens."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(self.path.lstrip("/"), form)

    def _answer(self, path: str, said: dict[str, str]) -> None:
        me = self.provider
        me.asked.append(path)
        if path == "jwks.json":
            return self._send(200, json.dumps(me.server.keyjar.export_jwks()))
        names = {e.endpoint_path: e for e in me.server.endpoint.values()}
        headers = {"authorization": self.headers.get("Authorization", "")}
        info = {"headers": headers, "method": self.command, "url": f"{me.issuer}{self.path}"}
        endpoint = names[path]
        try:
            asked = endpoint.parse_request(said, http_info=info)
            found = endpoint.process_request(asked, http_info=info)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the client is refused
            return self._send(400, json.dumps({"error": type(error).__name__}))
        if "error" in found:
            return self._send(400, found.to_json())
        answer = endpoint.do_response(request=asked, **found)["response"]
        if path == "authorization":
            return self._send(303, "", answer)
        if path == "token" and me.change is not None:
            document = json.loads(answer)
            old = document["id_token"]
            header = jws.extract_compact(old.encode()).headers()
            claims = json.loads(jws.extract_compact(old.encode()).payload)
            answer = json.dumps(document | {"id_token": me.change(dict(header), claims)})
        return self._send(200, answer + " " * (me.padding if path == "token" else 0))

    def _send(self, status: int, body: str, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def openid() -> Iterator[Provider]:
    """Yield a provider that knows one person and one client."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    issuer = f"http://127.0.0.1:{http.server_port}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library says of itself is not ours to mend
        server = Server(_configuration(issuer))
    server.context.cdb[CLIENT] = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [(CALLBACK, {})],
        "response_types_supported": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "allowed_scopes": ["openid", "email", "profile"],
    }
    server.keyjar.add_symmetric(CLIENT, SECRET)
    provider = Provider(port=http.server_port, server=server)
    _Handler.provider = provider
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
