"""Own requests against an address, and what became of them: `python -m ops.prober`.

Requests are due at a fixed rate, whatever became of those before, and latency counts from when a
request was due: a server that stalls is seen as a client sees it. The report is rewritten twice a
second and at the end; failures are figures in it, not an exit code.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

from ops.probing.client import Target
from ops.probing.run import Plan, run
from ops.probing.summary import summary_line

__all__ = ["main", "summary_line"]


class InputError(Exception):
    """Something on the command line that cannot be; its text is one line."""


def parse(argv: list[str] | None = None) -> Plan:
    """Return the plan that a command line describes.

    Raises:
        InputError: for a value that cannot be used.
    """
    args = _parser().parse_args(argv)
    for name in ("rate", "connections", "timeout"):
        if getattr(args, name) <= 0:
            raise InputError(f"--{name} {getattr(args, name)}: it must be more than 0")
    for name in ("sockets", "streams"):
        if getattr(args, name) < 0:
            raise InputError(f"--{name} {getattr(args, name)}: it cannot be less than 0")
    if not args.report.parent.is_dir():
        raise InputError(f"--report {args.report}: there is no directory {args.report.parent}")
    target = Target(
        url=_url(args.url),
        tls=_tls(args.url, args.ca),
        server_name=args.server_name,
        headers=_token(args.token_file),
        key_file=args.key_file,
        timeout=args.timeout,
    )
    return Plan(
        target=target, report=args.report, rate=args.rate, connections=args.connections,
        parent=args.parent, max_seconds=args.max_seconds, requests=args.requests,
        excused=_baseline(args.baseline), sockets=args.sockets, streams=args.streams,
        smoke=args.smoke,
    )  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.prober", description=__doc__)
    parser.add_argument("--url", required=True, help="scheme, host and port")
    parser.add_argument("--ca", type=Path, help="certificates to trust; needed for https")
    parser.add_argument("--report", type=Path, required=True, help="JSON file to keep writing")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--connections", type=int, default=20, help="connections that are kept")
    parser.add_argument("--sockets", type=int, default=0, help="agents that stay connected")
    parser.add_argument("--streams", type=int, default=0, help="streams that are read, always")
    parser.add_argument(
        "--smoke", action="store_true", help="look first whether an agent and a stream work"
    )
    parser.add_argument("--key-file", type=Path, help="API key for POST; may appear later")
    parser.add_argument(
        "--token-file", type=Path, help="deploy token: the edge then says who serves"
    )
    parser.add_argument("--parent", type=int, help="process id to end with")
    parser.add_argument("--max-seconds", type=float, help="end after so many seconds")
    parser.add_argument("--requests", type=int, help="end after so many; every bad answer counts")
    parser.add_argument("--baseline", type=Path, help="report whose excuses hold here too")
    parser.add_argument("--server-name", help="name in the certificate, when not the URL's host")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for a whole answer")
    return parser


def _url(url: str) -> str:
    parts = urlsplit(url)
    try:
        fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if parts.username:
        raise InputError("--url: a name and password do not belong in it; use --key-file")
    if not fits or parts.path.strip("/") or parts.query or parts.fragment:
        raise InputError(f"--url {url}: give scheme, host and port, such as https://127.0.0.1:8443")
    if parts.scheme == "http" and not _is_local(str(parts.hostname)):
        raise InputError(f"--url {url}: a key must not cross a network in the clear: use https")
    return url.rstrip("/")


def _is_local(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _tls(url: str, ca: Path | None) -> ssl.SSLContext | None:
    if not url.startswith("https:"):
        return None
    if ca is None:
        raise InputError(f"--ca is missing: {url} needs the certificates to trust")
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"--ca {ca}: no certificates can be read: {error}") from None
    context.load_default_certs()  # a public name may have a certificate of the world's
    return context


def _token(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--token-file {path}: {error}") from None
    if not token.isalnum() or not token.isascii():
        raise InputError(f"--token-file {path}: a token is letters and digits")
    return {"X-Dash-Deploy-Token": token}


def _baseline(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["not_judged"]
        return {str(request): str(fault) for request, fault in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"--baseline {path}: it is no report of the prober") from None


def main(argv: list[str] | None = None) -> int:
    """Run the prober to its end: 0 whatever became of the requests, 1 when it could not run."""
    try:
        report = asyncio.run(run(parse(argv)))
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ProcessLookupError:
        sys.stderr.write("--parent: there is no such process (any more)\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(summary_line(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
