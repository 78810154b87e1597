"""What the monitor of a running lab sees and tells, and its programs by the host they run on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ops import lines, monitor
from ops.session import Session
from tests.e2e.driver import Lab, inside

EVERYWHERE = "every host"
# Unit to the host it runs on: everything that watches, stores and shows.
PROGRAMS = {
    "prometheus": "monitor-1",
    "prometheus-alertmanager": "monitor-1",
    "loki": "monitor-1",
    "grafana-server": "monitor-1",
    "dash-otelcol": EVERYWHERE,
    "dash-journal": EVERYWHERE,
}
QUIET = {"Watchdog"}


@dataclass(frozen=True)
class Eyes:
    """The monitor of a lab. Each question answers nothing, or no, while nobody is there to ask."""

    lab: Lab
    session: Session
    containers: dict[str, str]  # by host

    @classmethod
    def of(cls, lab: Lab, session: Session) -> Eyes:
        """Return the monitor of a lab, its containers looked up once: that takes seconds."""
        found = {str(h["name"]): str(h["container"]) for h in lab.outputs()["hosts"]}
        return cls(lab, session, found)

    def systemctl(self, verb: str, *units: str) -> None:
        """Have systemd do something with programs, wherever they run."""
        for host, container in self.containers.items():
            here = [unit for unit in units if PROGRAMS[unit] in (host, EVERYWHERE)]
            if here:
                inside(container, "systemctl", *verb.split(), *here)

    def targets(self) -> list[dict[str, Any]]:
        """Return what Prometheus scrapes, each with how its last scrape went."""
        try:
            answer = monitor.ask(self.session, "prometheus", "/api/v1/targets?state=active")
        except monitor.Silent:
            return []
        return list(answer["data"]["activeTargets"])

    def all_up(self, color: str) -> bool:
        """Tell whether all that must answer does; of the service the colour that serves."""
        found = self.targets()
        due = [t for t in found if t["labels"].get("color", "") in ("", color)]
        return bool(found) and all(t["health"] == "up" for t in due)

    def pending(self) -> set[str]:
        """Return the alerts that fire, or would if what they tell of went on."""
        try:
            answer = monitor.ask(self.session, "prometheus", "/api/v1/alerts")
        except monitor.Silent:
            return set()
        return {str(alert["labels"]["alertname"]) for alert in answer["data"]["alerts"]}

    def held(self) -> set[str]:
        """Return the alerts that Alertmanager holds, those of which nobody is told too."""
        try:
            found = monitor.ask(self.session, "alertmanager", "/api/v2/alerts")
        except monitor.Silent:
            return set()
        return {str(alert["labels"]["alertname"]) for alert in found}

    def quiet(self) -> bool:
        """Tell whether nothing is wrong, nor about to be."""
        return self.held() == self.pending() == QUIET

    def told(self, alert: str) -> bool:
        """Tell whether Alertmanager holds an alert."""
        return alert in self.held()

    def dashboards(self) -> int:
        """Return how many dashboards Grafana has."""
        try:
            found = monitor.ask(self.session, "grafana", "/api/search?type=dash-db&tag=dash")
        except monitor.Silent:
            return 0
        return len(found)

    def say(self, mark: str) -> None:
        """Have every host log a line."""
        for container in self.containers.values():
            inside(container, "logger", "-t", "sudo", mark)

    def heard(self, mark: str, of: str = "monitor-1") -> set[str]:
        """Return the hosts whose line has reached the Loki of a monitor."""
        question = lines.command(f'{{unit="sudo"}} |= "{mark}"', 100, time.time())
        answer = inside(self.containers[of], "sh", "-c", question, check=False)
        try:
            return {line.host for line in lines.parse(answer)}
        except ValueError:
            return set()
