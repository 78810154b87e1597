"""The folder of Python files that hosts run without a controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.dash.platform.plugins.modules import sync_library

CONTENT = {"a.py": "A = 1\n", "b.py": "B = 1\n"}


def here(dest: Path) -> dict[str, str]:
    return {p.name: p.read_text(encoding="utf-8") for p in dest.iterdir()}


def test_the_folder_holds_what_it_was_told_and_no_other(tmp_path: Path, run_module: Any) -> None:
    dest = tmp_path / "library/plugins"

    assert run_module("sync_library", content=CONTENT, dest=str(dest))["changed"]
    assert here(dest) == CONTENT
    assert not run_module("sync_library", content=CONTENT, dest=str(dest))["changed"]

    fewer = {"a.py": "A = 2\n"}
    assert run_module("sync_library", content=fewer, dest=str(dest))["changed"]
    assert here(dest) == fewer
    assert (dest / "a.py").stat().st_mode & 0o777 == 0o644


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    assert sync_library.sync(CONTENT, tmp_path / "x", pretend=True)
    assert not (tmp_path / "x").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, run_module: Any) -> None:
    (tmp_path / "file").touch()

    failed = run_module("sync_library", content=CONTENT, dest=str(tmp_path / "file/x"))

    assert failed["msg"] == f"{tmp_path}/file/x: Not a directory"
