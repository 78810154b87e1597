"""Ask the stack's Prometheus, where it has one."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.session import Session

USER = "dash"
SECONDS = 3.0  # for one answer: a look at the stack does not wait for its monitor
BUDGET = "slo:budget:left"


class Silent(Exception):
    """Prometheus gives no answer that can be read; `str()` is one line."""


def present(session: Session) -> bool:
    """Tell whether the stack was given a monitor."""
    return (session.state_dir / "secrets" / "prometheus_password").is_file()


def query(session: Session, expr: str) -> list[dict[str, Any]]:
    """Return the samples that an expression has now. Raises Silent."""
    secrets = session.state_dir / "secrets"
    address = f"https://127.0.0.1:{session.names.port('prometheus')}/api/v1/query"
    try:
        password = (secrets / "prometheus_password").read_text("utf-8").strip()
        context = ssl.create_default_context(cafile=str(session.state_dir / "ca.pem"))
        credentials = base64.b64encode(f"{USER}:{password}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 -- https alone
            f"{address}?{urllib.parse.urlencode({'query': expr})}",
            headers={"Authorization": f"Basic {credentials}"},
        )
        opener = urllib.request.build_opener(  # a proxy has no business between us and loopback
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(request, timeout=SECONDS) as response:
            found: list[dict[str, Any]] = json.load(response)["data"]["result"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Silent(f"{address}: {getattr(error, 'reason', error)}") from None
    return found


def budget(session: Session) -> dict[str, float] | None:
    """Return by objective the share of its error budget that is left, None while nobody can tell.

    Of an objective that was not put to the test there is nothing to tell.
    """
    if not present(session):
        return None
    try:
        found = query(session, BUDGET)
    except Silent:
        return None
    return {each["metric"]["slo"]: round(float(each["value"][1]), 4) for each in found}
