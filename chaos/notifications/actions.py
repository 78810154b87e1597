"""Have a receiver take no notifications, and forget it again."""

from __future__ import annotations

from chaos import levers, running

__all__ = ["add_deaf", "forget_deaf"]

MONITOR = "monitor-1"
CONFIG = "/etc/prometheus/alertmanager.yml"
KEPT = f"{CONFIG}.kept"
RELOAD = "systemctl reload prometheus-alertmanager"
# A port at which nobody listens; the watchdog's alert always fires, so that there is one to tell.
ROUTE = (
    '    - {matchers: [alertname="Watchdog"], receiver: chaos-deaf, continue: true, '
    "group_by: [alertname, stack], group_wait: 0s, group_interval: 5s, repeat_interval: 5s}"
)
RECEIVER = '  - {name: chaos-deaf, webhook_configs: [{url: "http://127.0.0.1:9/"}]}'


def add_deaf(host: str = MONITOR) -> None:
    """Tell a receiver of the alert that always fires, which does not answer."""
    host = running.current().host(host)
    levers.do(
        forget_deaf, {"host": host}, what=f"a receiver of {host} that is deaf", host=host,
        mend=_forget(),
        script=f"cp -p {CONFIG} {KEPT}\n"
        f"sed -i -e '/^  routes:/a\\\n{ROUTE}' -e '/^receivers:/a\\\n{RECEIVER}' {CONFIG}\n"
        f"amtool check-config {CONFIG} > /dev/null\n{RELOAD}",
    )  # fmt: skip


def forget_deaf(host: str = MONITOR) -> None:
    """Tell those alone who were told before."""
    levers.undo_on(host, forget_deaf, _forget())


def _forget() -> str:
    return f"if [ -e {KEPT} ]; then mv {KEPT} {CONFIG}; {RELOAD}; fi"
