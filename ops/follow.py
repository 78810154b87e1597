"""Show the output of several programs as one stream, each line with the name of its source."""

from __future__ import annotations

import subprocess
import threading
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
    running = [
        subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        for argv in commands.values()
    ]

    def show(process: subprocess.Popen[str], name: str, style: str) -> None:
        for line in process.stdout or ():
            label = Text(f"{name:<{width}} ", style)
            console.print(label.append(line.rstrip("\n"), "default"), soft_wrap=True)

    threads = [
        threading.Thread(target=show, args=(process, name, STYLES[i % len(STYLES)]), daemon=True)
        for i, (process, name) in enumerate(zip(running, commands, strict=True))
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
