"""Have an edge say one colour and mean another, and put it right."""

from __future__ import annotations

from chaos import levers, running

__all__ = ["put_right", "send_elsewhere", "write_elsewhere"]

MAP = "/etc/haproxy/maps/active.map"
SOCKET = "/run/haproxy/admin.sock"
KEY = "active"


def write_elsewhere(host: str) -> None:
    """Have the map file name the idle colour, and HAProxy go on with the one that serves.

    No client notices, unless the edge is loaded anew.
    """
    _do(host, _file(running.current().colored("idle")), "whose file names the idle colour")


def send_elsewhere(host: str) -> None:
    """Send an edge's clients to the idle colour, as a switch that another edge has not heard of."""
    color = running.current().colored("idle")
    _do(host, f"{_file(color)}\n{_runtime(color)}", "that sends clients to the idle colour")


def put_right(host: str, color: str) -> None:
    """Send an edge's clients to a colour: file first, as a switch does it.

    Args:
        host: the edge.
        color: blue, green, or serving: the one that served when the run began.
    """
    if (run := running.opened()) is not None and color == "serving":
        color = run.color
    levers.undo_on(host, put_right, f"{_file(color)}\n{_runtime(color)}", color=color)


def _do(host: str, script: str, what: str) -> None:
    run = running.current()
    host = run.host(host)
    levers.do(
        put_right, {"host": host, "color": run.color}, what=f"{host} {what}", host=host,
        script=script, mend=f"{_file(run.color)}\n{_runtime(run.color)}",
    )  # fmt: skip


def _file(color: str) -> str:
    return f"echo '{KEY} {color}' > {MAP}.new\nmv {MAP}.new {MAP}"


def _runtime(color: str) -> str:
    return f"echo 'set map {MAP} {KEY} {color}' | socat -t 5 - UNIX-CONNECT:{SOCKET} > /dev/null"
