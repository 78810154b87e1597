"""What follows the journal: where it goes on, what it writes, and what it tells of losses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.ops.programs import load

journal = load("collector/files/journal.py")


def cursor(number: int, of: str = "a1") -> str:
    return f"s={of};i={number:x};b=0;m=1;t=2;x=3"


def entry(number: int, of: str = "a1", **more: object) -> dict[str, object]:
    return {"__CURSOR": cursor(number, of), "__REALTIME_TIMESTAMP": "1795899083916177", **more}


def test_a_line_holds_what_the_collector_reads_and_where_to_go_on() -> None:
    written = journal.line(
        entry(7, MESSAGE='a "b"\n', PRIORITY="3", _PID="9", _SYSTEMD_UNIT="x.service")
    )

    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    assert json.loads(written) == {
        "time": "2026-11-28T20:51:23.916177+00:00", "unit": "x.service", "tag": "", "pid": "9",
        "priority": "3", "message": 'a "b"\n', "cursor": cursor(7),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("x", "x"),
        (None, ""),
        ([104, 105, 255], "hi\ufffd"),
        (["first", "second"], "first"),
        ([[104, 105], "second"], "hi"),
        ("x" * 70_000, "x" * journal.LONGEST),
        ([120] * 70_000, "x" * journal.LONGEST),
    ],
)
def test_a_field_of_any_kind_is_text(value: object, wanted: str) -> None:
    assert journal.text(value) == wanted


def test_the_newest_whole_line_says_where_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(journal.line(entry(1)) + journal.line(entry(2)) + journal.line(entry(3))[:60])

    lines = journal.Lines(path, 1000)

    assert lines.cursor() == cursor(2)
    lines.write(journal.line(entry(3)))  # the cut one ends where it was cut
    assert [x.startswith(b"{") for x in path.read_bytes().splitlines()] == [True] * 4
    assert lines.cursor() == cursor(3)


def test_a_full_file_is_moved_aside_and_is_still_known(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    lines = journal.Lines(path, 400)

    for number in range(1, 4):
        lines.write(journal.line(entry(number)))

    assert path.read_bytes() == b""
    assert lines.older.read_bytes().count(b"\n") == 3
    assert lines.cursor() == cursor(3)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("kept", [b"", b"nonsense\n", b"[]\n", b'{"cursor": "--file=/x"}\n'])
def test_without_a_cursor_the_journal_is_read_from_its_beginning(
    tmp_path: Path, kept: bytes
) -> None:
    path = tmp_path / "lines"
    path.write_bytes(kept)

    assert journal.Lines(path, 1000).cursor() == ""


def test_a_gap_in_the_numbers_of_one_journal_is_a_loss() -> None:
    figures = journal.Figures(cursor(10))

    for number in (11, 12, 20):
        figures.see(entry(number))
    assert figures.missed == 7
    figures.see(entry(90, "b2"))  # another journal counts for itself
    figures.see(entry(91, "b2", N_DROPPED="40"))
    assert (figures.missed, figures.suppressed) == (7, 40)


def test_a_first_start_misses_nothing() -> None:
    figures = journal.Figures("")

    figures.see(entry(5000))

    assert figures.missed == 0


JOURNALCTL = """#!/usr/bin/env python3
import json, sys
after = [x.split("=", 1)[1] for x in sys.argv if x.startswith("--after-cursor=")]
begin = int(after[0].split(";")[1][2:], 16) + 1 if after else 1
for number in range(begin, begin + 3):
    print(json.dumps({"__CURSOR": f"s=a1;i={number:x};b=0;m=1", "__REALTIME_TIMESTAMP": "1",
        "MESSAGE": str(number), "_SYSTEMD_UNIT": sys.argv[0] and
        ("dash-otelcol.service" if number == 2 else "x.service")}))
sys.exit(3)
"""


def test_it_follows_until_journalctl_ends_and_goes_on_after_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "journalctl"
    program.write_text(JOURNALCTL, "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(journal, "EVERY", 0)
    path, figures = tmp_path / "lines", tmp_path / "dash.prom"

    codes = [journal.main([str(path), "1", str(figures)]) for _ in range(2)]

    assert codes == [1, 1]
    said = [json.loads(x)["message"] for x in path.read_bytes().splitlines()]
    assert said == ["1", "3", "4", "5", "6"], "not the collector's own, and none twice"
    assert "dash_journal_lines_total 3\n" in figures.read_text("utf-8")
    assert capsys.readouterr().err.splitlines() == ["journalctl ended with 3"] * 2


PASSED_OVER = """#!/usr/bin/env python3
import json, pathlib, sys
told = pathlib.Path(__file__).with_name("told")
told.open("a").write(" ".join(x for x in sys.argv if "cursor" in x) + "\\n")
first = len(told.read_text().splitlines()) == 1
after = [x.split("=", 1)[1] for x in sys.argv if x.startswith("--after-cursor=")]
begin = int(after[0].split(";")[1][2:], 16) + 1 if after else 1
for number in range(begin, 8):
    if (number == 3 and first) or number in (5, 6):
        continue
    print(json.dumps({"__CURSOR": f"s=a1;i={number:x};b=0;m=1", "__REALTIME_TIMESTAMP": "1",
        "MESSAGE": str(number), "_SYSTEMD_UNIT": "x.service"}), flush=True)
sys.exit(3)
"""


def test_what_was_passed_over_is_read_again_and_what_is_gone_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third line is there at the second look; the fifth and sixth never are."""
    program = tmp_path / "journalctl"
    program.write_text(PASSED_OVER, "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    path, figures = tmp_path / "lines", tmp_path / "dash.prom"
    monkeypatch.setattr(journal, "EVERY", 0)

    assert journal.main([str(path), "1", str(figures)]) == 1

    said = [json.loads(x)["message"] for x in path.read_bytes().splitlines()]
    assert said == ["1", "2", "3", "4", "7"]
    assert re.findall(r";i=(\w+);", (tmp_path / "told").read_text("utf-8")) == ["2", "4"]
    assert "dash_journal_missed_total 2\n" in figures.read_text("utf-8")
