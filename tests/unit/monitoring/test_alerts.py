"""Alerts say what is wrong, how much it hurries, and where to read on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitoring import reference, slo

ROOT = Path(__file__).resolve().parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = reference.alerts()
HEADINGS = ["Meaning", "Look here", "Do this", "How you know it is over"]
# A page is due 30 s after the fault: two scrapes and evaluations, and what is grouped, come on top.
LONGEST = {"ServiceDown": 10, "HostDown": 10, "DatabaseDown": 10, "NoServerLeft": 5}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.name)
def test_an_alert_has_words_and_a_runbook_of_its_own(alert: reference.Alert) -> None:
    assert alert.severity in ("page", "ticket") or alert.name == "Watchdog"
    assert alert.annotations["summary"]
    assert alert.annotations["description"].endswith((".", "days."))
    assert alert.annotations["runbook"] == f"docs/runbooks/{alert.name}.md"
    text = (ROOT / alert.annotations["runbook"]).read_text(encoding="utf-8")
    assert text.startswith(f"# {alert.name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    for heading in HEADINGS:
        assert re.search(rf"^## {heading}\n\S.{{15,}}", text, re.MULTILINE), heading


def test_there_is_no_runbook_without_an_alert() -> None:
    assert {p.stem for p in RUNBOOKS.glob("*.md")} == {alert.name for alert in ALERTS}


@pytest.mark.parametrize(("name", "most"), LONGEST.items())
def test_what_is_paged_within_half_a_minute_does_not_wait_for_long(name: str, most: int) -> None:
    [alert] = [a for a in ALERTS if a.name == name]

    assert alert.severity == "page"
    assert int(alert.wait.removesuffix("s")) <= most


def test_the_rules_of_objectives_are_made_from_the_one_file() -> None:
    assert slo.RULES.read_text(encoding="utf-8") == slo.text(), "type: python -m monitoring"


def test_the_page_tells_of_every_alert_as_it_is() -> None:
    text = reference.PAGE.read_text(encoding="utf-8")

    assert reference.page(text) == text, "type: python -m monitoring"
    assert f"| {ALERTS[0].name} |" in text
