"""For all tests: no setting of somebody's own stack reaches them; nothing is left in the tree."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

ROOT = Path(__file__).resolve().parent.parent
KEPT = ("DASH_TEST_", "DASH_MIRROR")

for _name in [n for n in os.environ if n.startswith("DASH_") and not n.startswith(KEPT)]:
    del os.environ[_name]

# No deadline: the machine may be busy with a lab, and a slow example is not a wrong one.
settings.register_profile(
    "dash",
    deadline=None,
    database=DirectoryBasedExampleDatabase(ROOT / ".dash" / "cache" / "hypothesis"),
)
settings.load_profile("dash")
