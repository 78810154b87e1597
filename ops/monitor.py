"""Ask the stack's Prometheus, Alertmanager and Grafana, where it has them.

Where there are several monitors, each knows all: the first that answers is believed.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ops.session import Session

USER = "dash"
SECONDS = 3.0  # for one answer: a look at the stack does not wait for its monitor
BUDGET = "slo:budget:left"


class Silent(Exception):
    """Prometheus gives no answer that can be read; `str()` is one line."""


def present(session: Session) -> bool:
    """Tell whether the stack was given a monitor, and was not told to do without."""
    kept = session.state_dir / "overrides.json"
    if kept.exists() and session.read(kept.name).get("monitor_hosts") == 0:
        return False
    return (session.state_dir / "secrets" / "prometheus_password").is_file()


def query(session: Session, expr: str) -> list[dict[str, Any]]:
    """Return the samples that an expression has now. Raises Silent."""
    path = f"/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
    try:
        found: list[dict[str, Any]] = ask(session, "prometheus", path)["data"]["result"]
    except (KeyError, TypeError) as error:
        raise Silent(f"Prometheus answered without a result ({error})") from None
    return found


def notifiable(session: Session) -> list[dict[str, Any]]:
    """Return the alerts that are neither silenced nor inhibited. Raises Silent."""
    path = "/api/v2/alerts?silenced=false&inhibited=false"
    found: list[dict[str, Any]] = ask(session, "alertmanager", path)
    return found


def ask(session: Session, service: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 -- any JSON value
    """Return what a service of the first monitor that answers says; a body is posted to it.

    Raises:
        Silent: there is no answer, or it refuses.
    """
    said = []
    for number in range(1, max(1, session.monitors) + 1):
        try:
            return _ask(session, session.address(service, number), service, path, body)
        except Silent as error:
            said.append(str(error))
    raise Silent("; ".join(said))


def answering(session: Session) -> str:
    """Return the address of the first Prometheus that answers; of the first, where none does."""
    first = session.address("prometheus")
    for number in range(1, session.monitors + 1) if session.monitors > 1 else ():
        address = session.address("prometheus", number)
        with suppress(Silent):
            _ask(session, address, "prometheus", "/api/v1/status/buildinfo", None)
            return address
    return first


def _ask(
    session: Session, address: str, service: str, path: str, body: dict[str, Any] | None
) -> Any:  # noqa: ANN401 -- any JSON value
    try:
        secret = session.state_dir / "secrets" / f"{service}_password"
        context = ssl.create_default_context(cafile=str(session.state_dir / "ca.pem"))
        both = f"{USER}:{secret.read_text('utf-8').strip()}"
        request = urllib.request.Request(  # noqa: S310 -- https alone
            f"{address}{path}",
            headers={
                "Authorization": f"Basic {base64.b64encode(both.encode()).decode()}",
                "Content-Type": "application/json",
            },
            data=None if body is None else json.dumps(body).encode(),
        )
        opener = urllib.request.build_opener(  # a proxy has no business between us and loopback
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(request, timeout=SECONDS) as response:
            return json.load(response)
    except (OSError, ValueError) as error:
        raise Silent(f"{address}: {getattr(error, 'reason', error)}") from None


def faceless(session: Session) -> bool:
    """Tell whether the stack's Grafana is the build of tools/grafana.sh, which has no front end."""
    try:
        return str(ask(session, "grafana", "/api/health")["version"]).endswith("-pre")
    except (Silent, KeyError, TypeError):
        return False  # nobody can tell


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
