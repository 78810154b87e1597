"""`python -m chaos.simulator`: providers on the next ports after that of the API for faults."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from chaos.simulator.answers import Shape
from chaos.simulator.simulator import FORMS, Simulator

PORT = 9100
USAGE, FAILED = 2, 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="of the providers (%(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="of the API for faults, on loopback")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--first-ms", type=float, default=200, help="median until the first token")
    parser.add_argument("--token-ms", type=float, default=10, help="median between two tokens")
    parser.add_argument("--tokens", type=int, default=60, help="median of an answer")
    parser.add_argument("--spread", type=float, default=0.3, help="sigma of these; 0: none")
    parser.add_argument("--tls-cert", type=Path, help="PEM; with --tls-key the providers speak TLS")
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--keys", type=Path, help="a file of keys that are taken (else: any)")
    return parser


async def _serve(simulator: Simulator) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with simulator:
        where = ", ".join(f"{name} on {p.port}" for name, p in simulator.providers.items())
        sys.stderr.write(f"{where}; faults on 127.0.0.1:{simulator.port}\n")
        await stopped.wait()


def main() -> int:
    """Run until a signal. Returns the exit code."""
    parser = _parser()
    args = parser.parse_args()
    if (args.tls_cert is None) != (args.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")
    if not 1 <= args.port <= 65535 - len(FORMS):
        parser.error(f"--port is {args.port}: 1 to {65535 - len(FORMS)}")
    if args.tokens < 1 or min(args.first_ms, args.token_ms, args.spread) < 0:
        parser.error("times and the spread are 0 or more, tokens 1 or more")
    shape = Shape(
        first=args.first_ms / 1000, token=args.token_ms / 1000, tokens=args.tokens,
        spread=args.spread,
    )  # fmt: skip
    try:
        keys = args.keys.read_text(encoding="utf-8").split() if args.keys else ()
        simulator = Simulator(
            host=args.host, port=args.port, shape=shape, seed=args.seed,
            tls=(args.tls_cert, args.tls_key) if args.tls_cert else None, keys=keys,
        )  # fmt: skip
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(simulator))
    except OSError as error:  # a port that is taken, a certificate that cannot be read
        sys.stderr.write(f"simulator: {error.strerror or error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
