"""Releases while something breaks: variants of the checkout, and `./dash` as a process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from chaos.client import ROOT, WorldError

if TYPE_CHECKING:
    from pathlib import Path

BUILD = 300  # seconds
# It starts and is ready, and answers no request but health checks.
BROKEN = (
    "import asyncio as _asyncio\n"
    "from aiohttp import web as _web\n"
    "_resolve = _web.UrlDispatcher.resolve\n"
    "async def _broken(self, request):\n"
    "    if request.path not in ('/healthz', '/readyz'):\n"
    "        raise RuntimeError('chaos: this release answers no request')\n"
    "    return await _resolve(self, request)\n"
    "_web.UrlDispatcher.resolve = _broken\n"
)
FIRST = "from __future__ import annotations\n"


def variant(directory: Path, *, bad: bool) -> Path:
    """Build an artifact of this checkout that differs in a remark, or answers no request.

    Raises:
        WorldError: it cannot be built.
    """
    source = directory / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    skip = shutil.ignore_patterns("__pycache__")
    for part in ("app", "requirements"):
        shutil.copytree(ROOT / part, source / part, ignore=skip)
    package, main = source / "app" / "__init__.py", source / "app" / "__main__.py"
    package.write_text(f"{package.read_text('utf-8')}\n# chaos {time.time()}\n", encoding="utf-8")
    if bad:
        text = main.read_text(encoding="utf-8")
        if FIRST not in text:
            raise WorldError(f"{main} does not begin as expected: no bad release can be made of it")
        main.write_text(text.replace(FIRST, FIRST + BROKEN, 1), encoding="utf-8")
    words = ["-m", "ops.artifact", "build", "--json"]
    done = subprocess.run(
        [sys.executable, *words, "--source", str(source), "--out", str(directory)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=BUILD,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise WorldError(f"no release could be built: {said[-1]}")
    document: dict[str, Any] = json.loads(done.stdout)
    return directory / str(document["path"])


def step_begun(logs: Path, since: float, step: str) -> bool:
    """Tell whether a release that began after a time came to a step, from its events."""
    for file in logs.glob("*.events"):
        if file.stat().st_mtime < since:
            continue
        whole = file.read_text(encoding="utf-8").rpartition("\n")[0]  # it is being written
        events = [json.loads(line) for line in whole.splitlines()]
        if any(event["t"] >= since and event["step"].startswith(step) for event in events):
            return True
    return False
