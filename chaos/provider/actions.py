"""Give the simulated providers faults, and take them away."""

from __future__ import annotations

import itertools
import json
import shlex
import time
from typing import TYPE_CHECKING, Any

from chaos import levers, running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.client import Reply

__all__ = ["ask", "break_provider", "each_fault", "keep_asking", "mend_provider"]

HOST, API = "simulator-1", "http://127.0.0.1:9100"
# Each fault of docs/reference/simulator.md, as bad as it gets within the limits of the catalogue.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "refuse"}, {"kind": "tls"}, {"kind": "reset"}, {"kind": "timeout", "seconds": 30},
    {"kind": "slow_first", "seconds": 30}, {"kind": "slow_tokens", "seconds": 5},
    {"kind": "cut", "after": 0}, {"kind": "stall", "after": 0, "seconds": 30},
    {"kind": "malformed", "after": 0}, {"kind": "empty"}, {"kind": "error_event", "after": 0},
    {"kind": "rate_limited"}, {"kind": "status", "status": 503}, {"kind": "content_type"},
    {"kind": "huge"},
)  # fmt: skip


def break_provider(provider: str, faults: Sequence[dict[str, Any]]) -> None:
    """Have a provider these faults and no others."""
    levers.do(
        mend_provider, {"provider": provider}, host=HOST, mend=_mend(provider),
        what=f"faults {', '.join(str(f['kind']) for f in faults)} of {provider}",
        script=_set(provider, faults),
    )  # fmt: skip


def mend_provider(provider: str) -> None:
    """Take a provider's faults away."""
    levers.undo(mend_provider, {"provider": provider}, host=HOST, script=_mend(provider))


def ask(model: str = "gpt", seconds: float = 45.0) -> Reply:
    """Ask a model for a few words, as a client does."""
    message = {"role": "user", "content": "say a few words"}
    document = {"model": model, "messages": [message], "max_tokens": 16}
    return running.current().client.request("/v1/chat/completions", document, seconds=seconds)


def each_fault(provider: str, model: str = "gpt", times: int = 3) -> dict[str, Any]:
    """Have a provider one fault after the other, and ask a model under each; return who answered.

    The breaker is closed before each: an open one would keep the fault from ever being met. All
    faults have the same undo, which the rollbacks call.
    """
    client, found = running.current().client, dict[str, Any]()
    for fault in FAULTS:
        client.dash("llm", "close", f"{provider}/{model}")
        break_provider(provider, [fault])
        before = _calls(provider)
        replies = [ask(model) for _ in range(times)]
        found[fault["kind"]] = {
            "good": sum(reply.good for reply in replies),
            "of": times,
            "met": _calls(provider) - before,
            "slowest": round(max(reply.seconds for reply in replies), 1),
        }
    running.current().notes["faults"] = found
    return found


def _calls(provider: str) -> int:
    """Return how many calls have reached a provider; refused and broken connections are none."""
    said = running.current().client.sh(HOST, _send("GET", "", path="calls"))
    return int(json.loads(said)[provider]["total"])


def keep_asking(seconds: float, models: Sequence[str] = ("gpt",)) -> int:
    """Ask models in turn for some seconds; return how many calls were answered well.

    An open breaker closes when its own provider is called: another one's answer does not help it.
    """
    if running.opened() is None:  # a rollback of a run that was refused
        return 0
    end, good = time.monotonic() + seconds, 0
    for model in itertools.cycle(models):
        if time.monotonic() >= end:
            break
        good += ask(model).good
        time.sleep(0.5)
    return good


def _set(provider: str, faults: Sequence[dict[str, Any]]) -> str:
    return _send("PUT", provider, json.dumps({"faults": list(faults)}))


def _mend(provider: str) -> str:
    return _send("DELETE", provider)


def _send(method: str, provider: str, body: str = "", *, path: str = "faults") -> str:
    """Return the script that speaks to the API on the simulator's own host, with Python alone."""
    code = (
        "import sys, urllib.request as u\n"
        "print(u.urlopen(u.Request(sys.argv[2], method=sys.argv[1], data=sys.argv[3].encode() or "
        "None, headers={'Content-Type': 'application/json'}), timeout=10).read().decode())"
    )
    url = f"{API}/{path}/{provider}".rstrip("/")
    return shlex.join(["python3", "-c", code, method, url, body])
