"""What the commands have in common: how they are added, and how they print."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.settings import Settings

DONE = 0


def out(document: object, text: str, *, as_json: bool) -> None:
    """Write one document on one line, or words."""
    sys.stdout.write((json.dumps(document) if as_json else text) + "\n")


def add(
    nouns: Any,  # noqa: ANN401 -- argparse's type of it is private
    name: str,
    words: str,
    command: Callable[[Settings, argparse.Namespace], Awaitable[int]],
) -> argparse.ArgumentParser:
    """Add a command that runs on an event loop and takes --json."""
    parser: argparse.ArgumentParser = nouns.add_parser(name, help=words)
    parser.add_argument("--json", action="store_true", help="print one document")

    def run(settings: Settings, args: argparse.Namespace) -> int:
        return uvloop.run(_awaited(command(settings, args)))

    parser.set_defaults(run=run)
    return parser


async def _awaited(work: Awaitable[int]) -> int:
    return await work


def number(least: int, most: int, what: str) -> Callable[[str], int]:
    """Return a type of argument: a whole number within bounds."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is not {what} from {least} up to {most}"
            )
        return int(text)

    return read
