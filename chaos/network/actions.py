"""Break the network of a host, and mend it.

Each fault is a table of nftables of its own, on the host; none touches ssh, by which it is undone.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from chaos import levers, running

__all__ = [
    "answer_names", "cut", "hurry", "join", "lose", "silence_names", "slow",
]  # fmt: skip

DATABASE, PORT = "db-1", 5432
RELAY_PORT = 15432  # on loopback of the host that is slowed down
RELAY = "dash-chaos-relay"
CUT, LOSS, SLOW, NAMES = (f"dash_chaos_{name}" for name in ("cut", "loss", "slow", "names"))
END = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE client_addr = '{}'"
EARLY = -150  # before the host's own rules have a say


def cut(host: str, to: str = DATABASE, port: int = PORT) -> None:
    """Have nothing of a host reach another, nor any answer come back: no word of why."""
    _drop(host, to, port)


def join(host: str, to: str = DATABASE, port: int = PORT) -> None:
    """Have a host reach another again, whatever was lost of its packets."""
    script = "\n".join(_forget(table) for table in (CUT, LOSS))
    levers.undo_on(host, join, script, to=to, port=port)


def lose(host: str, percent: int, to: str = DATABASE, port: int = PORT) -> None:
    """Lose so many percent of the packets between a host and another, in both directions."""
    if not 1 <= percent <= 100:  # noqa: PLR2004 -- percent
        raise ValueError(f"percent is {percent}: 1 to 100")
    _drop(host, to, port, percent)


def slow(host: str, milliseconds: int, to: str = DATABASE, port: int = PORT) -> None:
    """Have every byte between a host and another take so much longer, each way.

    New connections go through a relay on the host. Those that are open are ended, or they would
    stay as quick as they are; root's own are let through, the relay's among them.
    """
    run = running.current()
    host, address = run.host(host), run.client.stack.host(to).address
    relay = Path(__file__).with_name("relay.py").read_text(encoding="utf-8")
    words = f"{RELAY_PORT} {address} {port} {int(milliseconds)}"
    rules = (
        f"table ip {SLOW} {{ chain out {{ type nat hook output priority -100; "
        f"ip daddr {address} tcp dport {port} meta skuid != 0 redirect to :{RELAY_PORT}; }}; }}"
    )
    levers.do(
        hurry, {"host": host, "to": to, "port": port}, host=host, mend=_hurry(),
        what=f"{host} to {to}:{port} {milliseconds} ms later each way",
        script=f"{_hurry()}\n"
        f"systemd-run --quiet --collect --unit={RELAY} "
        f"/usr/bin/python3 -c {shlex.quote(relay)} {words}\n"
        f"for _ in $(seq 50); do ss -Hltn sport = :{RELAY_PORT} | grep -q . && break; "
        f"sleep 0.1; done\nnft {shlex.quote(rules)}",
        act=lambda: _end_sessions(to, run.client.stack.host(host).address),
    )  # fmt: skip


def hurry(host: str, to: str = DATABASE, port: int = PORT) -> None:
    """Have bytes take no longer than they must: new connections are direct again."""
    levers.undo_on(host, hurry, _hurry(), to=to, port=port)


def silence_names(host: str) -> None:
    """Have no answer of a name server reach a host: whoever asks waits."""
    host = running.current().host(host)
    rules = (
        f"table inet {NAMES} {{ chain in {{ type filter hook input priority {EARLY}; "
        "udp sport 53 drop; tcp sport 53 drop; }; }"
    )
    levers.do(
        answer_names, {"host": host}, host=host, mend=_forget(NAMES),
        what=f"{host} without name servers", script=f"{_forget(NAMES)}\nnft {shlex.quote(rules)}",
    )  # fmt: skip


def answer_names(host: str) -> None:
    """Have the answers of name servers reach a host again."""
    levers.undo_on(host, answer_names, _forget(NAMES))


def _drop(host: str, to: str, port: int, percent: int | None = None) -> None:
    """Drop what goes to a port of another host and what comes from there, or a share of it."""
    run = running.current()
    host, address = run.host(host), run.client.stack.host(to).address
    table = CUT if percent is None else LOSS
    how = "cut off" if percent is None else f"losing {percent} % of its packets"
    some = "" if percent is None else f"numgen random mod 100 < {percent} "
    rules = (
        f"table inet {table} {{ "
        f"chain out {{ type filter hook output priority {EARLY}; "
        f"ip daddr {address} tcp dport {port} {some}drop; }}; "
        f"chain in {{ type filter hook input priority {EARLY}; "
        f"ip saddr {address} tcp sport {port} {some}drop; }}; }}"
    )
    levers.do(
        join, {"host": host, "to": to, "port": port}, host=host, mend=_forget(table),
        what=f"{host} to {to}:{port} {how}", script=f"{_forget(table)}\nnft {shlex.quote(rules)}",
    )  # fmt: skip


def _forget(table: str) -> str:
    """Return what removes a table; one that is not there is fine, one that stays is not."""
    family = "ip" if table == SLOW else "inet"
    there = f"nft list table {family} {table} > /dev/null 2>&1"
    return f"if {there}; then nft delete table {family} {table}; fi"


def _hurry() -> str:
    return f"{_forget(SLOW)}\n{levers.end(RELAY)}"


def _end_sessions(database: str, address: str) -> None:
    end = shlex.quote(END.format(address))
    running.current().client.sh(database, f"runuser -u postgres -- psql -qc {end} > /dev/null")
