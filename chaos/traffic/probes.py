"""What own traffic sees. Probes read; what is good enough, a tolerance says."""

from __future__ import annotations

import time

from chaos import running, traffic
from chaos.client import WorldError
from chaos.traffic import STEADY

__all__ = ["bad_share", "edge_answers", "good_again"]


def bad_share(seconds: int = STEADY) -> float:
    """Share of own requests that got no good answer in the last seconds; 1.0 when none came."""
    n, bad = traffic.lately(_read(), seconds, time.time())
    return min(1.0, bad / n) if n else 1.0


def edge_answers(seconds: float = 5.0) -> float:
    """Seconds until the edge said anything at all, its own 503 included; the limit when nothing."""
    reply = running.current().client.request("/healthz", seconds=seconds)
    return reply.seconds if reply.status else seconds


def good_again(within: float, steady: int = STEADY) -> float:
    """Wait until every answer is good for some seconds after the fault; return how long it took."""
    began, fault = time.monotonic(), running.current().began or 0.0
    while time.monotonic() < began + within:
        if time.time() > fault + steady + 1 and bad_share(steady) == 0:
            return round(time.monotonic() - began, 1)
        time.sleep(0.5)
    raise WorldError(f"answers are still bad {within:.0f} s on: {_read().get('summary', '')}")


def _read() -> traffic.Report:
    run = running.current()
    return run.traffic.read() if run.traffic else {}
