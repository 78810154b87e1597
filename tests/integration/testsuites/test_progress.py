"""A long run goes on where it was cut off, for exactly the same tree and no other."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.testsuites import state
from ops.testsuites.junit import Counts


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("ignored\n")
    (tmp_path / "a.txt").write_text("a")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.txt").write_text("b"),
        lambda root: (root / "new.txt").write_text("a"),
        lambda root: (root / "a.txt").rename(root / "b.txt"),
        lambda root: (root / "a.txt").unlink(),
        lambda root: (root / "link").symlink_to("a.txt"),
    ],
    ids=["edited", "added", "renamed", "removed", "linked"],
)
def test_any_change_of_a_file_is_another_tree(
    checkout: Path, change: Callable[[Path], object]
) -> None:
    before = state.tree_hash(checkout)
    change(checkout)
    assert state.tree_hash(checkout) != before


def test_ignored_files_and_commits_leave_the_tree_what_it_is(checkout: Path) -> None:
    before = state.tree_hash(checkout)
    (checkout / "ignored").write_text("x")
    subprocess.run(["git", "add", "."], cwd=checkout, check=True)
    assert state.tree_hash(checkout) == before


def test_what_passed_is_remembered_for_its_own_tree_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    state.Progress.load(path, "one").record("unit", Counts(passed=3, skipped=1), 2.5)
    assert state.Progress.load(path, "one").passed["unit"]["passed"] == 3
    assert state.Progress.load(path, "two").passed == {}


def test_a_broken_file_is_as_good_as_none(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"tree": "one", "pass')
    assert state.Progress.load(path, "one").passed == {}


def test_forgetting_removes_everything(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    progress = state.Progress.load(path, "one")
    progress.record("unit", Counts(passed=1), 1.0)
    progress.forget()
    assert not path.exists()
    assert state.Progress.load(path, "one").passed == {}
