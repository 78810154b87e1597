"""Show the output of several programs as one stream, each line with the name of its source."""

from __future__ import annotations

import subprocess
import threading
from contextlib import ExitStack
from itertools import cycle
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

STYLES = ("cyan", "green", "magenta", "yellow", "blue", "red")


def follow(commands: Mapping[str, Sequence[str]], console: Console) -> int:
    """Run all commands until they end or Ctrl-C, printing their lines as they come.

    Returns:
        0, or 1 when one of them failed.
    """
    width = max((len(name) for name in commands), default=0)

    def show(process: subprocess.Popen[str], name: str, style: str) -> None:
        for line in process.stdout or ():
            label = Text(f"{name:<{width}} ", style)
            console.print(label.append(line.rstrip("\n"), "default"), soft_wrap=True)

    with ExitStack() as stack:
        running = [stack.enter_context(_start(argv)) for argv in commands.values()]
        threads = [
            threading.Thread(target=show, args=(process, name, style), daemon=True)
            for process, name, style in zip(running, commands, cycle(STYLES), strict=False)
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            for process in running:
                process.terminate()
            return 0
        codes = [process.wait() for process in running]
    return int(any(codes))


def _start(argv: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
