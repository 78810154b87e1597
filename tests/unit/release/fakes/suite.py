"""`python -m chaos`: says how the scenario's experiments ended, and why they were asked for."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

directory = Path(os.environ["DASH_FAKE"])
scenario = json.loads((directory / "scenario.json").read_text(encoding="utf-8"))
asked = {"words": sys.argv[1:], "why": os.environ.get("DASH_CHAOS_WHY", "")}
(directory / "chaos.json").write_text(json.dumps(asked), encoding="utf-8")
if "records" in scenario:
    sys.stdout.write(json.dumps({"line": "said", "records": scenario["records"]}))
else:
    sys.exit("lab is broken by somebody else now")
