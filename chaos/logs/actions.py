"""Lose lines, have them refused, or have more of them than can be sent."""

from __future__ import annotations

import json

from chaos import levers, running

__all__ = ["be_quiet", "lose", "read_again", "say_much", "send_no_more", "send_old"]

MONITOR = "monitor-1"
FOLLOWER = "dash-journal.service"
SPEAKER = "dash-chaos-speaker"
SENDER = "dash-chaos-old-lines"
PUSH = "http://127.0.0.1:3100/loki/api/v1/push"  # on the monitor itself nobody is asked who he is
OLD = "60 days ago"  # further back than any stack keeps lines


def lose(host: str, lines: int = 500) -> None:
    """Have the journal throw lines away that nobody has read yet."""
    host = running.current().host(host)
    levers.do(
        read_again, {"host": host}, what=f"lines of {host} that nobody read", host=host,
        mend=_read_again(),
        script=f"systemctl stop {FOLLOWER}\n"
        f"seq -f 'lost %.0f' {lines} | systemd-cat -t dash-chaos\n"
        "journalctl --sync\njournalctl --rotate\njournalctl --vacuum-time=1us 2> /dev/null\n"
        f"echo after | systemd-cat -t dash-chaos\nsystemctl start {FOLLOWER}",
    )  # fmt: skip


def read_again(host: str) -> None:
    """Have the journal be read; what was lost stays lost."""
    levers.undo_on(host, read_again, _read_again())


def say_much(host: str, lines: int = 8000, letters: int = 1500) -> None:
    """Have a unit of its own say so many long lines at once, and then one every five seconds.

    journald takes ten thousand of a unit in half a minute: more would be suppressed.
    """
    host = running.current().host(host)
    word = "x" * letters
    levers.do(
        be_quiet, {"host": host}, what=f"a unit of {host} that says {lines} long lines", host=host,
        mend=levers.end(SPEAKER),
        script=f"systemd-run --quiet --collect --unit={SPEAKER} sh -c "
        f"\"seq -f '{word} %.0f' {lines}; while sleep 5; do echo still here; done\"",
    )  # fmt: skip


def be_quiet(host: str) -> None:
    """End that unit."""
    levers.undo_on(host, be_quiet, levers.end(SPEAKER))


def send_old(host: str = MONITOR) -> None:
    """Send Loki a line every two seconds that is older than all it takes."""
    host = running.current().host(host)
    said = {"stream": {"unit": "chaos"}, "values": [["$at", "old"]]}
    body = json.dumps({"streams": [said]}).replace('"', '\\"')
    send = f"curl -s -o /dev/null -H 'Content-Type: application/json' -d \"{body}\" {PUSH}"
    levers.do(
        send_no_more, {"host": host}, what=f"lines that Loki on {host} refuses", host=host,
        mend=_no_more(),
        script=f"cat > /run/{SENDER} <<'END-OF-SCRIPT'\n"
        f'at=$(date -d "{OLD}" +%s)000000000\n'
        f"while sleep 2; do {send}; done\nEND-OF-SCRIPT\n"
        f"systemd-run --quiet --collect --unit={SENDER} /bin/bash /run/{SENDER}",
    )  # fmt: skip


def send_no_more(host: str = MONITOR) -> None:
    """Send Loki no more of them."""
    levers.undo_on(host, send_no_more, _no_more())


def _read_again() -> str:
    return f"systemctl start {FOLLOWER}"


def _no_more() -> str:
    return f"{levers.end(SENDER)}\nrm -f /run/{SENDER}"
