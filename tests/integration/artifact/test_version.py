"""What a checkout calls itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import version
from ops.version import BuildError
from tests.integration.artifact.conftest import git

Checkout = Callable[..., Path]


def version_of(root: Path) -> str:
    return version.version_of(version.read_checkout(root))


@pytest.mark.parametrize("tag", ["v1.2.0", "1.2.0"])
def test_clean_tree_on_its_tag_is_the_plain_version(checkout: Checkout, tag: str) -> None:
    assert version_of(checkout(tag=tag)) == "1.2.0"


@pytest.mark.parametrize("tag", ["v1.2.1", "1.2", "release-1.2.0"])
def test_tag_of_another_version_does_not_count(checkout: Checkout, tag: str) -> None:
    root = checkout(tag=tag)
    assert version_of(root) == f"1.2.0+g{git(root, 'rev-parse', 'HEAD')[:8]}"


def test_commit_after_the_tag_names_the_commit(checkout: Checkout) -> None:
    root = checkout(tag="v1.2.0")
    git(root, "commit", "-q", "--allow-empty", "-m", "Second")
    assert version_of(root) == f"1.2.0+g{git(root, 'rev-parse', 'HEAD')[:8]}"


@pytest.mark.parametrize("change", ["app/__init__.py", "app/new.py", "README.md"])
def test_uncommitted_change_names_the_tree(checkout: Checkout, change: str) -> None:
    root = checkout(tag="v1.2.0")
    with (root / change).open("a") as file:
        file.write("# more\n")
    before = git(root, "status", "--porcelain")
    found = version_of(root)
    assert git(root, "status", "--porcelain") == before
    git(root, "add", "-A")
    tree = git(root, "write-tree")
    assert found == f"1.2.0+g{git(root, 'rev-parse', 'HEAD')[:8]}.t{tree[:8]}"


def test_what_git_ignores_changes_nothing(checkout: Checkout) -> None:
    root = checkout(tag="v1.2.0")
    (root / "app" / "mine.local.py").write_text("x = 1\n")
    assert version_of(root) == "1.2.0"
    assert "app/mine.local.py" not in version.package_files(version.read_checkout(root))


def test_deleted_file_is_a_change_and_is_not_packed(checkout: Checkout) -> None:
    root = checkout(tag="v1.2.0")
    (root / "app" / "py.typed").unlink()
    assert ".t" in version_of(root)
    assert "app/py.typed" not in version.package_files(version.read_checkout(root))


def test_undoing_a_change_restores_the_version(checkout: Checkout) -> None:
    root = checkout(tag="v1.2.0")
    path = root / "app" / "__init__.py"
    original = path.read_text()
    path.write_text(original + "x = 1\n")
    assert version_of(root) != "1.2.0"
    path.write_text(original)
    assert version_of(root) == "1.2.0"


def test_reading_leaves_no_objects_behind(checkout: Checkout) -> None:
    root = checkout("with space", history=True)
    (root / "app" / "new.py").write_text("x = 1\n")
    before = sorted((root / ".git").rglob("*"))
    version_of(root)
    assert sorted((root / ".git").rglob("*")) == before


@pytest.mark.usefixtures("monkeypatch")
def test_git_variables_of_a_hook_do_not_mislead(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, other = checkout(tag="v1.2.0"), checkout("other", history=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert version_of(root) == "1.2.0"


def test_without_history_the_content_names_the_version(checkout: Checkout) -> None:
    one, two = checkout("one"), checkout("two")
    assert re.fullmatch(r"1\.2\.0\+t[0-9a-f]{8}", version_of(one))
    assert version_of(one) == version_of(two)
    (two / "README.md").write_text("not part of a release\n")
    (two / "app" / "__pycache__").mkdir()
    (two / "app" / "__pycache__" / "x.cpython-313.pyc").touch()
    assert version_of(one) == version_of(two)
    (two / "app" / "py.typed").write_text("x")
    assert version_of(one) != version_of(two)


def test_requirements_are_part_of_the_content(checkout: Checkout) -> None:
    root = checkout()
    before = version_of(root)
    (root / "requirements" / "app.txt").unlink()
    assert version_of(root) != before


def test_repository_without_a_commit_counts_as_no_history(checkout: Checkout) -> None:
    root = checkout()
    git(root, "init", "-q")
    assert version_of(root).startswith("1.2.0+t")


def test_folder_inside_another_repository_has_no_history_of_its_own(checkout: Checkout) -> None:
    outer = checkout("outer", tag="v1.2.0")
    inner = checkout("outer/inner")
    assert version_of(outer) != "1.2.0"
    assert version_of(inner).startswith("1.2.0+t")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "says nothing"),
        ("__version__ = 1\n", "says ''"),
        ('__version__ = "1.2; rm"\n', "'1.2; rm'"),
        ('__version__ = "v1.2"\n', "'v1.2'"),
        ('__version__ = "../1"\n', "'../1'"),
        ("def (\n", "not Python"),
    ],
)
def test_version_that_is_no_plain_version_is_refused(
    checkout: Checkout, text: str, said: str
) -> None:
    root = checkout()
    (root / "app" / "__init__.py").write_text(text)
    with pytest.raises(BuildError, match=re.escape(said)) as caught:
        version_of(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ['__version__: str = "2.0"', '__version__ = "1.0"\n__version__ = "2.0"']
)
def test_last_assignment_counts_with_or_without_a_type(checkout: Checkout, line: str) -> None:
    root = checkout()
    (root / "app" / "__init__.py").write_text(f"{line}\nother = 3\n")
    assert version.base_version(root) == "2.0"


def test_reading_the_version_does_not_run_the_service(checkout: Checkout) -> None:
    root = checkout()
    (root / "app" / "__init__.py").write_text('__version__ = "2.0rc1"\nraise SystemExit(9)\n')
    assert version.base_version(root) == "2.0rc1"


def test_broken_repository_is_one_line(checkout: Checkout) -> None:
    root = checkout(history=True)
    (root / ".git" / "HEAD").write_text("garbage\n")
    with pytest.raises(BuildError, match="not a git repository") as caught:
        version_of(root)
    assert "\n" not in str(caught.value)


def test_missing_git_is_one_line(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    root = checkout(history=True)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BuildError, match="apt-get install git"):
        version_of(root)


def test_links_are_refused(checkout: Checkout) -> None:
    root = checkout(history=True)
    (root / "app" / "link.py").symlink_to("/etc/hostname")
    with pytest.raises(BuildError, match=r"link\.py is a symbolic link"):
        version.package_files(version.read_checkout(root))


@pytest.mark.parametrize("typed", ["v1.2.0+gabc", " 1.2.0+gabc", "1.2.0+gabc\n"])
def test_normalise_takes_what_people_type(typed: str) -> None:
    assert version.normalise(typed) == "1.2.0+gabc"


def test_command_prints_the_version(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert version.main([str(checkout(tag="v1.2.0"))]) == 0
    assert capsys.readouterr().out == "1.2.0\n"
    assert version.main([str(tmp_path / "nothing")]) == 1
    assert "is not a checkout of Dash" in capsys.readouterr().err
    assert version.main(["a", "b"]) == 2
