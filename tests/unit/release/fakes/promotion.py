"""`python -m ops.promotion`, as told by the scenario: by stack what it runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

scenario = json.loads((Path(os.environ["DASH_FAKE"]) / "scenario.json").read_text("utf-8"))
[stack] = sys.argv[1:]
if stack not in scenario["promoted"]:
    sys.stderr.write(f"nothing is active on {stack}: type ./dash --stack {stack} deploy\n")
    sys.exit(1)
sys.stdout.write(json.dumps(scenario["promoted"][stack]) + "\n")
