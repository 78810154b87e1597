"""What time the service believes it is."""

from __future__ import annotations

import shlex

from chaos import running

__all__ = ["ahead"]

PORT = 8000
ASK = """\
import sys, time, urllib.request
from email.utils import parsedate_to_datetime
with urllib.request.urlopen(sys.argv[1], timeout=5) as answer:
    print(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time())
"""


def ahead(host: str) -> float:
    """Seconds that the service's clock is ahead of its host's, by the Date of its answers."""
    run = running.current()
    host = run.host(host)
    url = f"http://{run.client.stack.host(host).address}:{PORT}/healthz"
    return float(run.client.sh(host, f"python3 -c {shlex.quote(ASK)} {url}"))
