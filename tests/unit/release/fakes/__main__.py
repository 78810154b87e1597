"""`python -m ops`: says how the scenario's comparison under load ended, and what was asked for."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

directory = Path(os.environ["DASH_FAKE"])
scenario = json.loads((directory / "scenario.json").read_text(encoding="utf-8"))
(directory / "load.json").write_text(json.dumps(sys.argv[1:]), encoding="utf-8")
if "compared" in scenario:
    sys.stdout.write(json.dumps(scenario["compared"]))
else:
    sys.exit("load: production is not loaded")
