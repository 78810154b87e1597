"""`python -m ops.prober`: writes the scenario's report until it is told to end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--report", type=Path)
parser.add_argument("--requests")
parser.add_argument("--parent", type=int)
args, rest = parser.parse_known_args()
directory = Path(os.environ["DASH_FAKE"])


def write() -> None:
    scenario = json.loads((directory / "scenario.json").read_text(encoding="utf-8"))
    report = scenario["preview" if args.requests else "public"]
    now = time.time()
    switched = any(
        '"edge_switch"' in x and '"switched"' in x
        for x in (directory / "calls.jsonl").read_text(encoding="utf-8").splitlines()
    )
    if not args.requests:
        color = scenario["colors"][1 if switched else 0]
        bad = report["failed_after"] if switched else 0
        colors = {color: {"n": 100, "failed": bad, "p95_ms": 4.0}}
        second = {"t": int(now), "n": 100, "failed": bad, "colors": colors}
        report = {**report, "updated": now, "reachable": True, "seconds": [second]}
    temporary = args.report.with_suffix(".tmp")
    temporary.write_text(json.dumps(report), encoding="utf-8")
    temporary.replace(args.report)


write()
if not args.requests:
    (directory / "prober.pid").write_text(str(os.getpid()), encoding="utf-8")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while os.path.exists(f"/proc/{args.parent}"):  # noqa: PTH110 -- polled ten times a second
        time.sleep(0.1)
        write()
