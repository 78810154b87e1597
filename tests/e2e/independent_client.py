"""A second opinion on a release: threads and http.client, nothing shared with the prober.

Each thread keeps one connection and sends a request when it is due: GET and POST on the kept
connection, now and then a GET on a fresh one. Nothing is sent twice. Beside them agents stay
connected and streams are read (`witness`). Prints one JSON document at the end: sent, failed,
by_kind, colors, worst_ms, failures, and the figures of sockets, messages and streams.
Run it as `python -m tests.e2e.independent_client`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import select
import signal
import ssl
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.e2e.witness import Company, Reach

TIMEOUT = 10.0  # seconds for an answer
KEPT_FAILURES = 50
CYCLE = ("keepalive", "post", "keepalive", "fresh")
LIMITED = 429
WRONG = (
    *("failed", "lost_sockets", "lost_messages", "doubled_messages", "out_of_order"),
    "broken_streams",
)


@dataclass
class Figures:
    """What all threads saw; one lock for all of it."""

    sent: int = 0
    failed: int = 0
    limited: int = 0
    worst: float = 0.0
    by_kind: Counter[str] = field(default_factory=Counter)
    colors: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, limit: int | None) -> int | None:
        """Return the number of the next request, None when there were enough."""
        with self.lock:
            if limit is not None and self.sent >= limit:
                return None
            self.sent += 1
            return self.sent

    def end(self, kind: str, took: float, status: int, error: str, color: str) -> None:
        """Count one request; anything but a good answer is a failure."""
        with self.lock:
            self.by_kind[kind] += 1
            self.worst = max(self.worst, took)
            if color:
                self.colors[color] += 1
            if status == LIMITED and not error:
                self.limited += 1
            elif error or status != http.client.OK:
                self.failed += 1
                if len(self.failures) < KEPT_FAILURES:
                    what = {"error": error} if error else {"status": status}
                    self.failures.append(
                        {"t": round(time.time(), 3), "kind": kind, "color": color, **what}
                    )

    def document(self) -> dict[str, Any]:
        """Return the figures as they are printed."""
        with self.lock:
            return {
                "sent": sum(self.by_kind.values()),
                "failed": self.failed,
                "limited": self.limited,
                "worst_ms": round(self.worst * 1000, 1),
                "by_kind": dict(self.by_kind),
                "colors": dict(self.colors),
                "failures": self.failures,
            }


class Worker(threading.Thread):
    """One connection that is kept, and its share of the requests."""

    def __init__(
        self, args: argparse.Namespace, figures: Figures, end: threading.Event, number: int
    ) -> None:
        super().__init__(daemon=True)
        self.args = args
        self.figures = figures
        self.end = end
        self.number = number
        self.context = ssl.create_default_context(cafile=args.ca) if args.ca else None
        self.kept: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Send a request whenever one is due."""
        interval = self.args.connections / self.args.rate
        due = time.monotonic() + self.number / self.args.rate
        turn = self.number
        while not self.end.wait(max(0.0, due - time.monotonic())):
            number = self.figures.begin(self.args.requests)
            if number is None:
                return
            kind = CYCLE[turn % len(CYCLE)]
            self.one(kind, number, self.key())
            turn += 1
            due = max(due + interval, time.monotonic() - interval)

    def key(self) -> str:
        """Return the API key, "" while there is none."""
        return key_in(self.args.key_file)

    def connect(self) -> http.client.HTTPConnection:
        """Return a new connection, not yet opened."""
        parts = urlsplit(self.args.url)
        host, port = str(parts.hostname), parts.port
        if self.context is None:
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self.context)

    def reuse(self) -> http.client.HTTPConnection:
        """Return the kept connection, or a new one when the server has closed it in the pause."""
        if self.kept is not None and self.kept.sock is not None:
            if not select.select([self.kept.sock], [], [], 0)[0]:
                return self.kept
            self.kept.close()
        self.kept = self.connect()
        return self.kept

    def one(self, kind: str, number: int, key: str) -> None:
        """Send one request and count what came of it."""
        if kind == "post" and not key:
            kind = "keepalive"
        status, error, color = 0, "", ""
        started = time.monotonic()
        connection = self.connect() if kind == "fresh" else self.reuse()
        try:
            status, error, color = self.exchange(connection, kind, number, key)
        except (OSError, http.client.HTTPException) as fault:
            error = f"{type(fault).__name__}: {fault}"[:200]
            connection.close()
        if kind == "fresh":
            connection.close()
        self.figures.end(kind, time.monotonic() - started, status, error, color)

    @staticmethod
    def exchange(
        connection: http.client.HTTPConnection, kind: str, number: int, key: str
    ) -> tuple[int, str, str]:
        """Return status, what is wrong with the body, and colour of a complete answer."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if kind == "post":
            sent = {"number": number, "text": "x" * 300}
            headers["Content-Type"] = "application/json"
            connection.request("POST", "/v1/echo", json.dumps(sent).encode(), headers)
        else:
            path = "/v1/me" if key and number % 2 else "/healthz"
            connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        color = answer.getheader("X-Dash-Color", "")
        error = ""
        if kind == "post" and answer.status == http.client.OK:
            try:
                error = "" if json.loads(content) == sent else "the body came back changed"
            except ValueError:
                error = "the body came back as no JSON"
        return answer.status, error, color


def key_in(file: str | None) -> str:
    """Return the API key, "" while there is none."""
    try:
        return Path(str(file)).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def parsed(argv: list[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--ca")
    parser.add_argument("--key-file")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--requests", type=int, help="end after so many")
    parser.add_argument("--max-seconds", type=float, default=600.0)
    parser.add_argument("--sockets", type=int, default=0, help="agents that stay connected")
    parser.add_argument("--streams", type=int, default=0, help="streams that are read, always")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Send requests until a bound or a signal, print the figures; 1 when anything went wrong."""
    args = parsed(argv)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    figures = Figures()
    workers = [Worker(args, figures, end, number) for number in range(args.connections)]
    reach = Reach(args.url, args.ca, lambda: key_in(args.key_file))
    company = Company(reach, args.sockets, args.streams)
    for worker in workers:
        worker.start()
    company.start()
    until = time.monotonic() + args.max_seconds
    while not end.is_set() and time.monotonic() < until and any(w.is_alive() for w in workers):
        end.wait(0.1)
    end.set()
    for worker in workers:
        worker.join(TIMEOUT + 1)
    found = {**figures.document(), **company.finish()}
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if any(found[name] for name in WRONG) else 0


if __name__ == "__main__":
    sys.exit(main())
