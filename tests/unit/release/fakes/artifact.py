"""`python -m ops.artifact`, as told by the scenario."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

scenario = json.loads((Path(os.environ["DASH_FAKE"]) / "scenario.json").read_text("utf-8"))
if scenario["artifact"] is None:
    sys.stderr.write("the artifact is corrupt or cut off. Next: build it again\n")
    sys.exit(1)
sys.stdout.write(json.dumps({**scenario["artifact"], "asked": sys.argv[1:]}) + "\n")
