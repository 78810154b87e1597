"""The report says what the runs say: on the terminal, as a page, as a document."""

from __future__ import annotations

import base64
import json
import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from chaos.client import directory_of
from chaos.record import Record
from chaos.report import cli, content, detections, page, timeline, traffic, words
from tests.unit.chaos import runs

EVIL = "<script>alert(1)</script>"
COUNT = {"n": 9, "failed": 1}


class Page(HTMLParser):
    """What stands in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for name, attrs in self.tags if name == tag]


def collected(folder: Path) -> content.Content:
    return content.collect(folder, ["clock_skewed"], "lab")


def record(**changes: Any) -> Record:
    return Record.model_validate(runs.document(**changes))


def test_a_page_stands_alone_and_shows_each_fault(tmp_path: Path) -> None:
    runs.leave(tmp_path / "runs")
    runs.leave(tmp_path / "runs", experiment="skipped_one", outcome="skipped", reason="one host")

    written = page.write(collected(tmp_path / "runs"), tmp_path / "out")
    shown = Page(written.read_text(encoding="utf-8"))

    tags = {name for name, _ in shown.tags}
    assert not tags & {"script", "link", "iframe", "object"}
    pictures = shown.all("img", "src")
    assert len(pictures) == 2
    for picture in pictures:
        assert base64.b64decode(picture.removeprefix("data:image/png;base64,"))[1:4] == b"PNG"
    assert "99.8 %" in "".join(shown.words)
    assert "clock_skewed" in "".join(shown.words)
    assert any("12 of 1,200 requests failed" in alt for alt in shown.all("img", "alt"))


def test_links_lead_from_the_page_to_what_a_run_left(tmp_path: Path) -> None:
    runs.leave(tmp_path / "runs")

    written = page.write(collected(tmp_path / "runs"), tmp_path / "deep" / "out")
    links = [x for x in Page(written.read_text(encoding="utf-8")).all("a", "href") if x[0] != "#"]

    assert [link.rpartition("/")[2] for link in links] == [
        "journal.json",
        "traffic.json",
        "record.json",
    ]
    assert all((written.parent / link).is_file() for link in links)


def test_what_a_record_says_is_never_markup(tmp_path: Path) -> None:
    folder = runs.leave(tmp_path / "runs")
    evil: dict[str, Any] = {**dict.fromkeys(("title", "reason", "why", "experiment", "line"), EVIL)}
    evil |= {"alerts": [{"name": EVIL}], "runbook": {"name": EVIL}, "requests": {EVIL: COUNT}}
    (folder / "record.json").write_text(json.dumps(runs.document(**evil)), "utf-8")

    text = page.html(collected(tmp_path / "runs"), tmp_path)

    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 10


def test_the_document_says_the_same(tmp_path: Path) -> None:
    runs.leave(tmp_path / "runs")
    page.write(collected(tmp_path / "runs"), tmp_path / "out")

    told = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))

    assert told["score"] == 99.8
    assert told["never_run"] == ["clock_skewed"]
    assert told["runs"][0]["points"] == pytest.approx(3.992)
    assert told["detections"] == [
        {
            "alert": "DatabaseDown",
            "experiment": "database_killed",
            "seconds": 17.5,
            "resolved": True,
            "at": runs.ZERO + 17.5,
        }
    ]


def test_seconds_without_an_answer_are_drawn_as_nothing() -> None:
    document = {
        "seconds": [
            {"t": 10, "n": 5, "failed": 0, "kinds": {"post": [5, 0]}},
            {"t": 12, "n": 5, "failed": 2, "kinds": {"post": [5, 2]}},
        ],
        "lost_seconds": [{"t": 13, "socket": 2, "message": 1}],
    }

    assert traffic.seconds(document) == (
        traffic.Second(t=10, n=5, failed={}),
        traffic.Second(t=11, n=0, failed={}),
        traffic.Second(t=12, n=5, failed={"post": 2}),
        traffic.Second(t=13, n=0, failed={"sockets": 2, "messages": 1}),
    )


@pytest.mark.parametrize("text", ["", "[]", '{"seconds": 3}', '{"seconds": [{}]}'])
def test_a_probers_report_that_cannot_be_read_leaves_the_rest(tmp_path: Path, text: str) -> None:
    folder = runs.leave(tmp_path)
    (folder / "traffic.json").write_text(text, encoding="utf-8")

    [run] = collected(tmp_path).runs

    assert run.traffic == ()
    assert "0 s" in run.caption


@pytest.mark.parametrize(
    "changes",
    [
        {"recovery_seconds": 0.0},
        {"recovery_seconds": None, "after_undo_seconds": None},
        {"fault": {"started": runs.ZERO, "ended": None}},
        {"alerts": [{"name": "A"}, {"name": "B", "fired": runs.ZERO + 5}]},
        {"alerts": []},
    ],
    ids=str,
)
@pytest.mark.parametrize("seen", [True, False], ids=["traffic", "no traffic"])
def test_a_fault_is_drawn_however_it_ended(changes: dict[str, Any], seen: bool) -> None:
    png = timeline.picture(record(**changes), traffic.seconds(runs.traffic()) if seen else ())

    assert png is not None
    assert png[1:4] == b"PNG"


def test_a_fault_that_was_never_made_is_not_drawn() -> None:
    assert timeline.picture(record(fault={}), ()) is None
    assert words.caption(record(fault={}), ()) == "The fault was never made."


def test_a_caption_tells_what_the_picture_shows() -> None:
    told = words.caption(
        record(
            alerts=[*runs.document()["alerts"], {"name": "AppDown"}],
            sockets={"n": 10, "lost": 3},
            in_flight_allowed={"get": 0, "post": 20, "sockets": None},
        ),
        traffic.seconds(runs.traffic()),
    )

    assert told == (
        "The fault lasted 30.0 s. 12 of 1,200 requests failed (POST 12), the last of them 8.0 s "
        "after the fault began. 3 of 10 agents' sockets lost. What may be lost in flight: post 20, "
        "sockets any. DatabaseDown fired after 17.5 s and was resolved. "
        "AppDown did not fire. Steady again 11.0 s after the undo."
    )


def test_detection_times_are_published_beside_those_of_other_runs(tmp_path: Path) -> None:
    slow = [{"name": "DatabaseDown", "fired": runs.ZERO, "resolved": 1.0, "detection_seconds": 9}]
    on = [{"name": "AppDown", "fired": runs.ZERO, "resolved": None, "detection_seconds": 9}]
    runs.leave(tmp_path / "runs")
    runs.leave(tmp_path / "runs", experiment="database_frozen", alerts=slow)
    runs.leave(tmp_path / "runs", experiment="app_killed", alerts=on)
    path = tmp_path / "detections.toml"
    path.write_text('[HostDown]\nexperiment = "x"\nseconds = 3.0\n', encoding="utf-8")
    found = replace(collected(tmp_path / "runs"), machine='2 x "fast"')

    still_open = tmp_path / "unfired.toml"
    kept = '# why\n\n[ClockWrong]\nreason = "one clock"\n'
    still_open.write_text(f"{kept}\n[DatabaseDown]\ntodo = true\n\n[X]\ntodo = true\n", "utf-8")

    assert detections.publish(found, path, still_open) == 1
    assert still_open.read_text(encoding="utf-8") == f"{kept}\n[X]\ntodo = true\n"

    told = tomllib.loads(path.read_text(encoding="utf-8"))
    assert told["HostDown"] == {"experiment": "x", "seconds": 3.0}
    assert told["DatabaseDown"] == {
        "experiment": "database_killed",
        "seconds": 17.5,
        "stack": "lab",
        "machine": '2 x "fast"',
        "date": "2026-11-28",
    }
    assert "AppDown" not in told  # it was not seen resolved


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({}, ".dash/lab/chaos"),
        ({"DASH_STACK": "staging", "DASH_LAB": ""}, ".dash/staging/chaos"),
        ({"DASH_LAB": "h2", "DASH_STACK": "lab"}, ".dash/h2.lab/chaos"),
    ],
)
def test_runs_lie_with_the_stack(environ: dict[str, str], where: str) -> None:
    assert directory_of(environ, Path("/x")) / "chaos" == Path("/x") / where


def test_the_command_ends_with_the_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "FIGURES", tmp_path / "detections.toml")
    monkeypatch.setattr(cli, "OPEN", tmp_path / "unfired.toml")
    (runs.leave(tmp_path / "runs").parent / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "record.json").write_text("{}", encoding="utf-8")
    argv = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]

    assert cli.main(argv, {}) == 0
    told = capsys.readouterr().out
    assert "DatabaseDown database_killed 17.5 s yes" in " ".join(told.split())
    assert "passed 4 20/20 8.0 of 20 s 0.20 % 3.99" in " ".join(told.split())
    assert "broken/record.json: experiment: field required" in told
    assert told.splitlines()[-1] == (
        f"resilience score 99.8 % from 1 experiment; report: {tmp_path}/out/report.html"
    )
    assert not cli.FIGURES.exists()

    assert cli.main([*argv, "--publish"], {}) == 0
    assert "1 detection times in" in capsys.readouterr().out

    cli.FIGURES.write_text("[", encoding="utf-8")
    assert cli.main([*argv, "--publish"], {}) == 1
    assert f"chaos report: {cli.FIGURES}: " in capsys.readouterr().err


def test_without_a_run_there_is_no_score_but_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--out", str(tmp_path / "out")], {"DASH_LAB": "nosuchlab"}) == 0

    assert "no score: nothing was run that counts; type ./dash chaos all" in capsys.readouterr().out
    assert "No run has left a record" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_directory_of_runs_that_is_not_there_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--runs", str(tmp_path / "no")], {})

    assert ended.value.code == 2
    assert f"--runs is {tmp_path}/no: there is no such directory" in capsys.readouterr().err
