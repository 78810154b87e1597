"""How a release ended."""

from __future__ import annotations

from chaos import running

__all__ = ["exit_code", "open_operation"]


def exit_code() -> int:
    """What the last release ended with: 0 done, 1 nothing changed, 3 rolled back."""
    return int(running.current().notes.get("release", {}).get("exit_code", -1))


def open_operation() -> str:
    """State of the operation that is open on the edge; "" for none."""
    script = 'sed -n \'s/.*"state": *"\\([a-z]*\\)".*/\\1/p\' /var/lib/dash/edge/operation.json'
    return running.current().client.sh("edge-1", f"{script} 2>/dev/null || true").strip()
