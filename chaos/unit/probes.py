"""What systemd says of the programs of a host."""

from __future__ import annotations

from chaos import running
from chaos.unit.actions import APP

__all__ = ["restarts", "state"]


def state(host: str, unit: str = APP) -> str:
    """Word of systemd for a unit: active, activating, failed, inactive."""
    run = running.current()
    return run.client.sh(run.host(host), f"systemctl is-active {unit} || true").strip()


def restarts(host: str, unit: str = APP) -> int:
    """How often systemd has started a unit again."""
    run = running.current()
    said = run.client.sh(run.host(host), f"systemctl show --property=NRestarts --value {unit}")
    return int(said.strip() or 0)
