"""The directory that holds what is declared and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import directory
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

CONTENT = {"a.yml": "good a\n", "b.yml": "good b\n"}
# Takes what begins with "good"; says where the file lay, as promtool does.
PROOF = ["sh", "-c", 'grep -q "^good" "$0" || { echo "$0: line 1: is bad"; exit 1; }', "%s"]


def here(dest: Path) -> dict[str, str]:
    return {p.name: p.read_text(encoding="utf-8") for p in dest.iterdir()}


def test_it_holds_what_it_was_told_and_no_other(tmp_path: Path, run_module: Any) -> None:
    dest = tmp_path / "monitor/rules.d"
    given = {"dest": str(dest), "mode": "0640", "validate": PROOF}

    first = run_module("managed_directory", content=CONTENT, **given)
    assert (first["changed"], first["files"]) == (True, ["a.yml", "b.yml"])
    assert here(dest) == CONTENT
    assert (dest / "a.yml").stat().st_mode & 0o777 == 0o640
    assert not run_module("managed_directory", content=CONTENT, **given)["changed"]

    fewer = {"a.yml": "good, and new\n"}
    second = run_module("managed_directory", content=fewer, **given)
    assert second["files"] == ["a.yml", "b.yml"]
    assert here(dest) == fewer
    assert [p.name for p in dest.parent.iterdir()] == ["rules.d"]


def test_files_are_for_everybody_to_read_unless_said_otherwise(
    tmp_path: Path, run_module: Any
) -> None:
    dest = tmp_path / "library/plugins"

    assert run_module("managed_directory", content=CONTENT, dest=str(dest))["changed"]
    assert here(dest) == CONTENT
    assert not run_module("managed_directory", content=CONTENT, dest=str(dest))["changed"]

    fewer = {"a.yml": "another a\n"}
    assert run_module("managed_directory", content=fewer, dest=str(dest))["changed"]
    assert here(dest) == fewer
    assert (dest / "a.yml").stat().st_mode & 0o777 == 0o644


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path, run_module: Any) -> None:
    (tmp_path / "file").touch()

    failed = run_module("managed_directory", content=CONTENT, dest=str(tmp_path / "file/x"))

    assert failed["msg"] == f"{tmp_path}/file/x: Not a directory"


def test_a_bad_file_is_refused_before_any_good_one_is_replaced(
    tmp_path: Path, run_module: Any
) -> None:
    dest = tmp_path / "rules.d"
    run_module("managed_directory", content=CONTENT, dest=str(dest), validate=PROOF)

    failed = run_module(
        "managed_directory",
        content={"a.yml": "good again\n", "c.yml": "bad\n"},
        dest=str(dest),
        validate=PROOF,
    )

    assert failed["msg"] == ("c.yml is refused, and nothing was replaced: c.yml: line 1: is bad")
    assert here(dest) == CONTENT


def test_a_changed_mode_is_put_right(tmp_path: Path) -> None:
    directory.sync(CONTENT, tmp_path, mode=0o600, validate=[])
    (tmp_path / "a.yml").chmod(0o644)

    assert directory.sync(CONTENT, tmp_path, mode=0o600, validate=[]) == ["a.yml"]
    assert (tmp_path / "a.yml").stat().st_mode & 0o777 == 0o600


def test_pretending_writes_nothing(tmp_path: Path) -> None:
    dest = tmp_path / "x"

    assert directory.sync(CONTENT, dest, mode=0o600, validate=PROOF, pretend=True)
    assert not dest.exists()


@pytest.mark.parametrize("name", ["../a.yml", "a/b.yml", ".a.yml", ""])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Fault, match="is no name of a file in"):
        directory.sync({name: "good"}, tmp_path, mode=0o600, validate=[])


def test_a_proof_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "PROOF_SECONDS", 0.2)

    with pytest.raises(Fault, match=r"sleep gave no verdict on a\.yml within 0\.2 s"):
        directory.sync(CONTENT, tmp_path / "x", mode=0o600, validate=["sleep", "5"])
