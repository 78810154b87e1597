"""Two releases under the same load: the run, the judge, and what is said of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import comparison
from ops import attached
from ops.console import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from ops.session import Session

SHAPE, FILE, RESULT = "compare", "comparison.json", "result.json"
CODES = {"pass": ExitCode.DONE, "fail": ExitCode.FAILED, "inconclusive": ExitCode.DECISION}
NEXT = {
    "active": "./dash rollback brings the old one back",
    "idle": "./dash abort leaves the old one where it is",
}


def run(session: Session, judged: str) -> int:
    """Load both releases, judge one against the other, and return the exit code."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    folder = session.state_dir / "load" / "runs" / f"{stamp}-{SHAPE}"
    words = ["run", SHAPE, "--judged", judged, "--out", str(folder)]
    words += ["--json"] if session.json else []
    code = attached.run(session, "loadtests", words, says=not session.json)
    if code != ExitCode.DONE:
        if session.json:
            said = {"verdict": "inconclusive", "exit_code": code, "run": str(folder)}
            why = unknown(folder)
            session.show({**said, "why": why} if why else said, "")
        return code
    document = judge(folder)
    attached.run(session, "loadtests", ["report", str(folder)], says=False)
    code = CODES[document["verdict"]]
    session.show({**document, "exit_code": int(code), "run": str(folder)}, lines(document, judged))
    return code


def unknown(folder: Path) -> list[str]:
    """Return why a run measured nothing that can be judged; [] where it did not come so far."""
    try:
        verdict = json.loads((folder / RESULT).read_text("utf-8"))["verdict"]
    except OSError:
        return []
    return [str(line) for line in verdict["why"]]


def judge(folder: Path) -> dict[str, Any]:
    """Judge what a run measured, and leave the verdict beside it."""
    blocks = json.loads((folder / RESULT).read_text("utf-8"))["blocks"]
    document = comparison.compare(blocks)
    (folder / FILE).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return document


def lines(document: dict[str, Any], judged: str) -> str:
    """Return the verdict for people: each percentile of each kind, then what it comes to."""
    rows = [f"{'kind':<12} {'':<4} {'blocks':>6} {'old':>9} {'new':>9}"]
    rows += [
        f"{part['kind']:<12} {part['percentile'].removesuffix('_ms'):<4} {part['n']:>6} "
        f"{part['old_ms']:>6.1f} ms {part['new_ms']:>6.1f} ms  {part['verdict']}"
        for part in document["parts"]
    ]
    allowed = f"{document['margin']:.0%} or {document['floor_ms']:.0f} ms slower is allowed"
    rows.append(f"{document['errors']['why']}; {allowed}")
    rows += document["why"]
    last = f"{document['verdict']} (n = {document['n']} in {document['blocks']} blocks)"
    rows.append(f"{last}: {NEXT[judged]}" if document["verdict"] == "fail" else last)
    return "\n".join(rows)
