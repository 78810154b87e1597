"""Variables that look something up, as a host of the stack of test_wiring.py has them in a play."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.roles.rendering import ROOT

# Lookups by their full name need Ansible's import hook, which is not for the process of the tests.
PROGRAM = """
import json, sys
from pathlib import Path
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([])
from tests.roles.rendering import evaluate
from tests.roles.test_wiring import play
for line in sys.stdin:
    variable, host, state, given = json.loads(line)
    found = str(evaluate("{{ " + variable + " }}", play(host, Path(state), **given)))
    print(json.dumps(found), flush=True)
"""


@cache
def ansible() -> subprocess.Popen[str]:
    """Return Ansible in a process of its own, the same for all tests of this file."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def ended() -> None:
    """End it; the next that is asked for has the environment of then."""
    with ansible():
        ansible.cache_clear()


def templated(variable: str, host: str, state: Path, **given: Any) -> str:
    """Return a variable that looks something up, as a host has it in a play."""
    stdin, stdout = ansible().stdin, ansible().stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(json.dumps([variable, host, str(state), given]) + "\n")
    stdin.flush()
    answer = stdout.readline()
    assert answer, f"{variable} cannot be had: the captured stderr says why"
    return str(json.loads(answer))
