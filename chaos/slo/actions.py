"""Have the objectives judged over minutes for as long as an experiment lasts."""

from __future__ import annotations

import subprocess
import sys

from chaos import levers
from chaos.client import ROOT, WorldError

__all__ = ["restore_windows", "shorten_windows"]

MONITOR = "monitor-1"
FILE = "/etc/prometheus/rules.d/slo_scaled.yml"  # ./dash configure removes it: nobody declared it


def shorten_windows(by: int, host: str = MONITOR) -> None:
    """Load the rules of burn rates once more, with windows divided, beside the real ones."""
    rules = subprocess.run(
        [sys.executable, "-m", "monitoring", "scaled", str(by)],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if rules.returncode:
        raise WorldError(f"python -m monitoring scaled {by}: {rules.stderr.strip()}")
    levers.do(
        restore_windows, {"host": host}, host=host, mend=_restore(),
        what=f"objectives on {host} judged {by} times as fast",
        script=f"cat > {FILE} <<'END-OF-RULES'\n{rules.stdout}END-OF-RULES\n"
        f"promtool check rules {FILE} > /dev/null\nsystemctl reload prometheus",
    )  # fmt: skip


def restore_windows(host: str = MONITOR) -> None:
    """Have the objectives judged by the real rules alone."""
    levers.undo_on(host, restore_windows, _restore())


def _restore() -> str:
    return f"if [ -e {FILE} ]; then rm {FILE}; systemctl reload prometheus; fi"
