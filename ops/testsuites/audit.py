"""Ask PyPI whether a pinned package has a known vulnerability: `python -m ops.testsuites.audit`.

pip-audit cannot tell "this package is unknown" from "I reach no such service" (a mirror often
serves files but not the vulnerability data). So a package that is certainly known is asked for
first: when even that one is not found, nothing was checked, and this says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ops.testsuites.parts import SKIPPED

CANARY = "pip==25.0\n"  # published, so the service knows it when it is the real one
SECONDS = 240


def ask(*files: str) -> subprocess.CompletedProcess[str]:
    """Run pip-audit on requirement files, without installing anything."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--strict", "--no-deps", "--disable-pip"),
            *(word for name in files for word in ("-r", name)),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def reachable() -> str:
    """Return why the service cannot be asked, or nothing when it answers."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(CANARY)
        file.flush()
        try:
            done = ask(file.name)
        except subprocess.TimeoutExpired:
            return f"no answer within {SECONDS} s"
    if done.returncode == 0 or "known vulnerabilit" in done.stdout + done.stderr:
        return ""
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def main(files: list[str]) -> int:
    """Return 0: none known, 1: some are, 77: the service is out of reach, nothing was checked."""
    why = reachable()
    if why:
        sys.stdout.write(
            f"NOT CHECKED for known vulnerabilities: PyPI's service is out of reach ({why[:120]})\n"
        )
        return SKIPPED
    worst = 0
    for name in files:
        done = ask(name)
        worst = max(worst, min(done.returncode, 1))
        sys.stdout.write(f"{name}: {(done.stdout + done.stderr).strip()}\n")
    return worst


if __name__ == "__main__":
    sys.exit(main([str(Path(name)) for name in sys.argv[1:]]))
