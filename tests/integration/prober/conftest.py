"""A real service to probe: an aiohttp server on a local port, over TLS when asked."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.prober.fake_agents import Agents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

KEY = "dash_test_0123456789"


@dataclass
class Service:
    """What the fake service does; tests change it while it runs."""

    url: str = ""
    color: str = "blue"
    version: str = "1.0"
    status: int = 200
    delay: float = 0.0
    key: str = KEY
    echo: Callable[[bytes], bytes] = bytes
    gate: asyncio.Event = field(default_factory=asyncio.Event)  # open: answers go out
    busy: asyncio.Event = field(default_factory=asyncio.Event)  # set after 20 requests
    break_off: str = ""  # "before" or "within" an answer
    headers: list[str | None] = field(default_factory=list)  # X-Deploy-Token of each request
    paths: Counter[str] = field(default_factory=Counter)
    connections: Counter[tuple[str, int]] = field(default_factory=Counter)
    agents: Agents = field(default_factory=lambda: Agents(KEY))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths[f"{request.method} {request.path}"] += 1
        if self.paths.total() > 20:
            self.busy.set()
        self.headers.append(request.headers.get("X-Deploy-Token"))
        assert request.transport is not None
        self.connections[request.transport.get_extra_info("peername")] += 1
        await asyncio.sleep(self.delay)
        await self.gate.wait()
        headers = {
            "X-Dash-Color": self.color, "X-Dash-Version": self.version, "X-Request-Id": "r-1",
        }  # fmt: skip
        if self.break_off:
            return await self._break(request, headers)
        body = await request.read()
        allowed = request.headers.get("Authorization") == f"Bearer {self.key}"
        if request.path.startswith("/v1/") and not allowed:
            return web.json_response({}, status=401, headers=headers)
        content = self.echo(body) if request.method == "POST" else b"{}"
        return web.Response(body=content, status=self.status, headers=headers)

    async def _break(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        assert request.transport is not None
        response = web.StreamResponse(headers=headers | {"Content-Length": "1000"})
        if self.break_off == "within":
            await response.prepare(request)
            await response.write(b"x" * 500)
        request.transport.abort()
        return response


type Serve = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def serve() -> Serve:
    """Return a context manager that runs the fake service: `serve(tls=context)`."""

    @asynccontextmanager
    async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[Service]:
        service = Service()
        service.gate.set()
        app = web.Application()
        service.agents.add_to(app)
        app.router.add_route("*", "/{path:.*}", service.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        assert runner.addresses
        service.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield service
        finally:
            await runner.cleanup()
            # A client's transport that was closed lets go of its socket in a later turn of the
            # loop. Without one the loop may end first, and a later test is blamed for the leak.
            await asyncio.sleep(0.02)

    return running


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "prober_key"
    path.write_text(KEY + "\n")
    return path


@dataclass(frozen=True)
class Authority:
    """A certificate authority on disk, and a server's context from it."""

    ca: Path
    server: ssl.SSLContext


def make_authority(folder: Path, name: str) -> Authority:
    """Make a CA and a certificate of `name` and 127.0.0.1."""
    folder.mkdir()
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (folder / "ca.pem").write_bytes(certify(name, ca_key.public_key(), ca_key, ca=True))
    (folder / "server.pem").write_bytes(
        certify(name, key.public_key(), ca_key, ca=False)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return Authority(folder / "ca.pem", server)


def certify(
    name: str, public: ec.EllipticCurvePublicKey, issuer: ec.EllipticCurvePrivateKey, *, ca: bool
) -> bytes:
    """Return a certificate in PEM, for the authority itself or for a server of that name."""

    def called(words: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, words)])

    names: list[x509.GeneralName] = [x509.DNSName(name)]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(called(f"{name} CA" if ca else name))
        .issuer_name(called(f"{name} CA"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(usage, critical=True)
        # Python 3.13 checks with VERIFY_X509_STRICT, which wants both key identifiers (RFC 5280)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False
        )
        .sign(issuer, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
