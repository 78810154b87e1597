"""Ask the running service through the edge, as a client would, whether it is there."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.console import UserError

if TYPE_CHECKING:
    from pathlib import Path

PATHS = ("/healthz", "/readyz")
PATIENCE = 15.0  # seconds that the service may take to answer after a start
ONE_REQUEST = 5.0  # seconds


@dataclass(frozen=True)
class Answer:
    """What one path answered."""

    status: int
    version: str
    color: str
    body: Any


def check(base: str, ca: Path, token: Path, patience: float = PATIENCE) -> dict[str, Answer]:
    """Return the answers of the health paths, each 200.

    Args:
        base: the public address, such as https://127.0.0.1:8443.
        ca: the certificate that signs the edge's.
        token: holds the deploy token, for which the edge says version and colour.
        patience: seconds to go on trying.

    Raises:
        UserError: one did not answer 200 in time; it says which, and what it said last.
    """
    if not ca.is_file():
        raise UserError(f"{ca} is missing, the edge cannot be trusted: type ./dash configure")
    context = ssl.create_default_context(cafile=str(ca))
    context.load_default_certs()  # a public name may have a certificate of the world's
    headers = {"X-Dash-Deploy-Token": token.read_text("utf-8").strip()} if token.is_file() else {}
    until = time.monotonic() + patience
    asked = {path: urllib.request.Request(f"{base}{path}", headers=headers) for path in PATHS}  # noqa: S310 -- https alone
    return {path: _wait(request, context, until) for path, request in asked.items()}


def _wait(request: urllib.request.Request, context: ssl.SSLContext, until: float) -> Answer:
    while True:
        said: object
        try:
            answer = get(request, context)
        except OSError as error:
            said = getattr(error, "reason", error)
        else:
            if answer.status == 200:  # noqa: PLR2004 -- HTTP
                return answer
            said = f"{answer.status}, {json.dumps(answer.body)[:200]}"
        if time.monotonic() >= until:
            raise UserError(f"GET {request.full_url}: {said}; type ./dash doctor")
        time.sleep(0.3)


def get(request: urllib.request.Request, context: ssl.SSLContext) -> Answer:
    """Return the answer to one GET, whatever its status.

    Raises:
        OSError: there was no answer.
    """
    opener = urllib.request.build_opener(  # a proxy has no business between us and loopback
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=ONE_REQUEST) as response:
            return _answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read())


def _answer(status: int, headers: Any, body: bytes) -> Answer:  # noqa: ANN401 -- http.client's
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = body.decode(errors="replace")[:200]
    return Answer(
        status, headers.get("X-Dash-Version") or "", headers.get("X-Dash-Color") or "", parsed
    )
