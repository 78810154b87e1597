"""Files that are whole or absent."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import files
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line


def test_a_write_replaces_text_and_mode_and_leaves_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("old", encoding="utf-8")

    files.atomic_write(file, "new", 0o640)

    assert file.read_text(encoding="utf-8") == "new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["x.json"]


def test_a_write_that_fails_keeps_the_old_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.json"
    file.write_text("old", encoding="utf-8")

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.atomic_write(file, "new")

    assert file.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["x.json"]


def test_a_line_that_a_crash_cut_off_does_not_swallow_the_next(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text('{"whole": 1}\n{"cut', encoding="utf-8")

    files.append_line(file, '{"next": 2}')

    assert file.read_text(encoding="utf-8").splitlines() == [
        '{"whole": 1}',
        '{"cut',
        '{"next": 2}',
    ]


def test_a_full_disk_takes_the_half_line_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.jsonl"
    files.append_line(file, "first")
    real, calls = os.write, []

    def some(number: int, data: Any) -> int:
        calls.append(bytes(data))
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(number, data[:3])

    monkeypatch.setattr(os, "write", some)
    with pytest.raises(OSError, match="No space"):
        files.append_line(file, "second")

    assert file.read_text(encoding="utf-8") == "first\n"


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda number, data: real(number, data[:2]))

    files.append_line(tmp_path / "x.jsonl", "a longer line")

    assert (tmp_path / "x.jsonl").read_text(encoding="utf-8") == "a longer line\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[1]", "lacks an object"),
        (b'{"a": 1}', "lacks b"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(
    tmp_path: Path, text: bytes, says: str
) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(text)

    with pytest.raises(files.CorruptFile, match=says) as fault:
        files.read_json(file, "a", "b")

    assert str(file) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_what_was_written_is_read_and_what_is_not_there_is_none(tmp_path: Path) -> None:
    files.write_json(tmp_path / "x.json", {"b": [1], "a": "é"})

    assert files.read_json(tmp_path / "x.json", "a") == {"a": "é", "b": [1]}
    assert files.read_json(tmp_path / "y.json") is None
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o600


def test_a_link_moves_and_is_there_at_all_times(tmp_path: Path) -> None:
    link = tmp_path / "current"
    files.link(link, "/a")
    missed = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            if not link.is_symlink():
                missed.append(time.monotonic())

    watcher = threading.Thread(target=look)
    watcher.start()
    for n in range(200):
        files.link(link, f"/b{n}")
    done.set()
    watcher.join()

    assert link.readlink() == Path("/b199")
    assert missed == []


def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    inside, most = [], []

    def enter() -> None:
        with files.locked(tmp_path / "lock"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 5


def test_a_host_that_was_never_configured_is_told_so(tmp_path: Path) -> None:
    lock = files.locked(tmp_path / "absent/lock")

    with pytest.raises(Fault, match=r"absent is not on this host\. Next: \./dash configure"):
        lock.__enter__()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "/x"), "/x: No space left on device"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("timed out"), "timed out"),
        (ValueError("one\ntwo"), "one"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert one_line(error) == line
