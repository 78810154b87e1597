"""Who is told how often, by the real Alertmanager with the role's configuration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.monitoring.promtool import run
from tests.roles.rendering import render

HERE = Path(__file__).parent
RECEIVER = HERE.parents[2] / "roles/alertmanager/molecule/default/files/receiver.py"
BOTH = ["page", "ticket"]
RECEIVERS: list[dict[str, Any]] = [
    {"name": "hook", "kind": "webhook", "credential": "hook", "severities": BOTH},
    {"name": "chat", "kind": "slack", "credential": "chat", "channel": "#x", "severities": BOTH},
    {
        "name": "mail", "kind": "email", "to": ["a@example.com"], "from": "d@example.com",
        "smarthost": "127.0.0.1:9902", "severities": BOTH,
    },
]  # fmt: skip
TITLES = [
    "FIRING AppDown (page) x30",
    "FIRING DatabaseUnreachable (page) x30",
    "FIRING DiskFills (ticket) x30",
    "FIRING HostDown (page) x10",
    "FIRING MemoryShort (ticket) x30",
    "FIRING TargetDown (page) x30",
]


@pytest.fixture(name="storm", scope="module")
def _storm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what receivers were told of two hundred alerts: at first, later, and at their end."""
    work = tmp_path_factory.mktemp("storm")
    for name, path in {"hook": "hook", "chat": "slack"}.items():
        (work / f"alert_{name}").write_text(f"http://127.0.0.1:9901/{path}", encoding="utf-8")
    text = render(
        "alertmanager", "alertmanager.yml.j2", alertmanager_receivers=RECEIVERS,
        __alertmanager_place="/work", alertmanager_page_wait="2s", alertmanager_ticket_wait="3s",
    )  # fmt: skip
    (work / "alertmanager.yml").write_text(text, encoding="utf-8")
    shutil.copy(HERE / "storm.py", work)
    shutil.copy(RECEIVER, work)
    said = run(work, "python3 storm.py /work")
    document: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return document


def titles(found: dict[str, Any]) -> list[str]:
    """Return the titles that Slack was given."""
    return sorted(x["attachments"][0]["title"] for x in found["hooks"] if x["path"] == "/slack")


@pytest.mark.timeout(300)
def test_two_hundred_alerts_are_one_notification_for_each_name(storm: dict[str, Any]) -> None:
    """To each of three receivers; what a dead host says beside that it is dead is left out."""
    first = storm["first"]

    assert storm["sent"] == 200
    assert titles(first) == TITLES
    assert sorted(x.removeprefix("mail Subject: ") for x in first["mail"]) == TITLES
    hooks = {x["groupLabels"]["alertname"]: x for x in first["hooks"] if x["path"] == "/hook"}
    assert len(first["hooks"]) + len(first["mail"]) == 3 * len(TITLES)
    assert {a["labels"]["host"] for a in hooks["AppDown"]["alerts"]} == {
        f"host-{n}" for n in range(10, 40)
    }


@pytest.mark.slow  # 39 s: it waits for the second telling that must not come
@pytest.mark.timeout(300)
def test_a_storm_that_goes_on_is_not_told_again(storm: dict[str, Any]) -> None:
    assert storm["again"] == {"hooks": [], "mail": []}


@pytest.mark.timeout(300)
def test_a_notification_of_many_has_the_first_of_them_and_says_how_many_there_are(
    storm: dict[str, Any],
) -> None:
    chat = [x["attachments"][0] for x in storm["first"]["hooks"] if x["path"] == "/slack"]
    [many] = [x["text"].splitlines() for x in chat if "AppDown" in x["title"]]
    [few] = [x["text"].splitlines() for x in chat if "HostDown" in x["title"]]

    assert many[0] == "AppDown of host-10 docs/AppDown.md"
    assert len(many) == 21
    assert many[-1].startswith("all 30: http://")
    assert few == [f"HostDown of host-{n:02} docs/HostDown.md" for n in range(10)]


@pytest.mark.timeout(300)
def test_the_end_of_a_storm_is_told_once_for_each_name(storm: dict[str, Any]) -> None:
    """Of pages within 15 s; tickets are told of in five minutes."""
    over = storm["over"]

    assert {x.split()[1] for x in titles(over)} == {
        "HostDown", "AppDown", "DatabaseUnreachable", "TargetDown",
    }  # fmt: skip
    assert len(titles(over)) == len(over["mail"]) == 4
    assert all(x.startswith("RESOLVED") for x in titles(over))
    texts = [x["attachments"][0]["text"] for x in over["hooks"] if x["path"] == "/slack"]
    assert all(line.startswith(("over: ", "all ")) for x in texts for line in x.splitlines())
