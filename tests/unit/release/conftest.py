"""A theatre for the playbooks, and a preview address that answers over TLS."""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.certificates import certificate
from tests.unit.release.stand import C, serving
from tests.unit.release.theatre import Theatre

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Preview:
    """What the preview address answers on /readyz."""

    url: str
    ca: Path
    status: int = 200
    version: str = ""
    body: Any = field(default_factory=lambda: {"status": "ready", "checks": {"database": "ok"}})


@pytest.fixture(name="preview", scope="module")
def _preview(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Preview]:
    directory = tmp_path_factory.mktemp("preview")
    preview = Preview("", directory / "ca.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(preview.body).encode()
            self.send_response(preview.status if self.path == "/readyz" else 404)
            self.send_header("X-Dash-Version", preview.version)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(preview.ca))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    preview.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield preview
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="theatre")
def _theatre(tmp_path: Path, preview: Preview) -> Theatre:
    theatre = Theatre(tmp_path, preview.url)
    (theatre.state / "ca.pem").write_bytes(preview.ca.read_bytes())
    preview.status, preview.body = 200, {"status": "ready", "checks": {"database": "ok"}}
    return theatre


@pytest.fixture(name="deploying")
def _deploying(theatre: Theatre, preview: Preview) -> Theatre:
    """C is deployed to blue while B serves on green and A is warm on blue."""
    preview.version = C.name
    theatre.set(serving().small(), C)
    return theatre
