"""Building, checking and taking artifacts, through the command line's own functions."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from ops import archive, artifact, sbom
from ops.version import BuildError
from tests.integration.artifact.conftest import git

Checkout = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[3]


def build(root: Path) -> artifact.Artifact:
    return artifact.build(root, root / ".dash" / "artifacts", "x86_64")


def manifest(found: artifact.Artifact) -> dict[str, Any]:
    return archive.verify(Path(found.path))[0]


def test_artifact_is_what_the_architecture_says(checkout: Checkout) -> None:
    root = checkout(tag="v1.2.0")
    found = build(root)
    made = manifest(found)
    assert Path(found.path).name == f"dash-1.2.0-{found.digest[:12]}.tar.zst"
    assert found.digest == hashlib.sha256(archive.canonical(made)).hexdigest()
    assert sorted(made) == [
        "files",
        "format",
        "git_sha",
        "name",
        "platform",
        "python",
        "sbom",
        "schema",
        "version",
    ]
    assert (made["format"], made["name"], made["python"]) == (1, "dash", "3.13")
    assert made["git_sha"] == git(root, "rev-parse", "HEAD") == found.git_sha
    assert made["platform"] == "manylinux_2_28_x86_64"
    assert made["schema"] == {"expand": ["0001_initial"], "contract": [], "irreversible": []}
    assert sorted(made["files"]) == [
        "app/__init__.py",
        "app/migrations/0001_initial.sql",
        "app/py.typed",
        "wheels/alpha-1.0-py3-none-any.whl",
        "wheels/pip-99.0-py3-none-any.whl",
    ]


def test_same_tree_gives_the_same_bytes(checkout: Checkout) -> None:
    """Another folder, umask, file order, times and hash seed change nothing."""
    one, two = checkout("one"), checkout("a longer name")
    first = build(one)
    for path in sorted((two / "app").rglob("*.*"), reverse=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        path.chmod(0o600)
        os.utime(path, (1, 1))
    done = subprocess.run(
        [sys.executable, "-m", "ops.artifact", "build", "--source", str(two), "--json",
         "--machine", "x86_64"],
        cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}, umask=0o077,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    second = json.loads(done.stdout)
    assert second["path"] != first.path
    assert second["digest"] == first.digest
    assert Path(second["path"]).read_bytes() == Path(first.path).read_bytes()


def test_second_build_finds_the_first(checkout: Checkout) -> None:
    root = checkout(history=True)
    first, second = build(root), build(root)
    assert (first.built, second.built) == (True, False)
    assert second.path == first.path
    assert second.seconds < 1


def test_damaged_artifact_is_built_again(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout(history=True)
    path = Path(build(root).path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert build(root).built
    assert path.read_bytes() == whole
    assert "building it again: " in capsys.readouterr().err


def test_another_content_under_a_known_version_is_refused(checkout: Checkout) -> None:
    root = checkout(tag="v1.2.0")
    first = build(root)
    (root / "app" / "new.py").write_text("x = 1\n")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Second")
    git(root, "tag", "-f", "v1.2.0")
    with pytest.raises(BuildError, match=r"1\.2\.0 is known with another content") as caught:
        build(root)
    assert "\n" not in str(caught.value)
    assert [p.name for p in (root / ".dash" / "artifacts").iterdir()] == [Path(first.path).name]


def test_other_versions_lie_beside_one_another(checkout: Checkout) -> None:
    root = checkout(tag="v1.2.0")
    first = build(root)
    (root / "app" / "__init__.py").write_text('__version__ = "1.2"\n')
    second = build(root)
    assert second.digest != first.digest
    assert len(list((root / ".dash" / "artifacts").iterdir())) == 2


def test_bill_of_materials_is_valid_and_names_every_wheel(checkout: Checkout) -> None:
    made = manifest(build(checkout()))
    bill = made["sbom"]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None
    assert [(c["name"], c["version"]) for c in bill["components"]] == [
        ("alpha", "1.0"),
        ("pip", "99.0"),
    ]
    assert [c["licenses"] for c in bill["components"]] == [
        [{"license": {"name": "MIT License"}}],
        [{"expression": "MIT"}],
    ]
    hashes = {c["hashes"][0]["content"] for c in bill["components"]}
    assert hashes == {v for k, v in made["files"].items() if k.startswith("wheels/")}
    depends = {d["ref"]: d["dependsOn"] for d in bill["dependencies"]}
    assert depends["pkg:pypi/alpha@1.0"] == ["pkg:pypi/pip@99.0"]
    assert depends["pkg:pypi/pip@99.0"] == []
    assert depends[f"pkg:generic/dash@{made['version']}"] == sorted(
        c["bom-ref"] for c in bill["components"]
    )


def test_tests_caches_and_hidden_files_stay_out(checkout: Checkout) -> None:
    root = checkout()
    for name in ("tests/test_x.py", "__pycache__/x.pyc", ".env", "old.py~"):
        path = root / "app" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (root / "app" / "data").mkdir()
    (root / "app" / "data" / "common-passwords.txt").write_text("123456\n")
    names = [name for name in manifest(build(root))["files"] if name.startswith("app/")]
    assert sorted(names) == [
        "app/__init__.py",
        "app/data/common-passwords.txt",
        "app/migrations/0001_initial.sql",
        "app/py.typed",
    ]


def test_migrations_are_grouped_by_the_class_in_their_header(tmp_path: Path) -> None:
    for name in ("0003_c", "0001_a"):
        (tmp_path / f"{name}.sql").write_text("-- Words.\n--  class:  expand \nselect 1;\n")
    (tmp_path / "0002_b.sql").write_text("-- class: contract\n")
    (tmp_path / "0004_d.sql").write_text("-- class: irreversible\n")
    assert artifact.schema_of(sorted(tmp_path.iterdir(), reverse=True)) == {
        "expand": ["0001_a", "0003_c"],
        "contract": ["0002_b"],
        "irreversible": ["0004_d"],
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("0002_b.sql", "select 1;\n", "-- class: expand|contract|irreversible"),
        ("0002_b.sql", "-- class: other\n", "-- class: expand|contract|irreversible"),
        ("0002_b.sql", "-- class: expand\n-- class: contract\n", "needs one line"),
        ("second.sql", "-- class: expand\n", "not named like a migration"),
    ],
)
def test_migration_without_a_class_or_number_is_refused(
    checkout: Checkout, name: str, text: str, said: str
) -> None:
    root = checkout()
    (root / "app" / "migrations" / name).write_text(text)
    with pytest.raises(BuildError) as caught:
        build(root)
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_command_line_tells_in_words_or_json(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    root = checkout()
    words = ["build", "--source", str(root), "--machine", "x86_64"]
    assert artifact.main(words) == 0
    assert capsys.readouterr().out.startswith("built: 1.2.0+t")
    assert artifact.main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert sorted(document) == [
        "built",
        "digest",
        "git_sha",
        "path",
        "schema",
        "seconds",
        "version",
    ]
    assert artifact.main(["verify", document["path"]]) == 0
    printed = ("whole:", document["version"], document["digest"], document["path"])
    assert capsys.readouterr().out == " ".join(printed) + "\n"


@pytest.mark.parametrize(
    "words",
    [
        ["build", "--source", "/nowhere"],
        ["build", "--machine", "pdp11"],
        ["verify", "/nowhere/dash-1-000000000000.tar.zst"],
    ],
)
def test_mistakes_are_one_line(
    checkout: Checkout, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source = [] if "--source" in words or "verify" in words else ["--source", str(checkout())]
    assert artifact.main([*words, *source]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_an_artifact_from_elsewhere_is_kept(checkout: Checkout, tmp_path: Path) -> None:
    root = checkout()
    there = Path(build(root).path)
    elsewhere = tmp_path / "elsewhere" / there.name
    elsewhere.parent.mkdir()
    there.rename(elsewhere)

    assert artifact.main(["take", str(elsewhere), "--source", str(root)]) == 0
    assert there.read_bytes() == elsewhere.read_bytes()


def test_no_copy_is_kept_beside_another_content_of_its_version(
    checkout: Checkout, tmp_path: Path
) -> None:
    root = checkout()
    built = build(root)
    there = Path(built.path)
    elsewhere = tmp_path / there.name
    shutil.copyfile(there, elsewhere)
    other = there.rename(there.with_name(f"dash-{built.version}-{'0' * 12}.tar.zst"))

    assert artifact.main(["take", str(elsewhere), "--source", str(root)]) == 0
    assert list(there.parent.glob("*.tar.zst")) == [other]


def test_wheel_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    wheel = tmp_path / "x-1.0-py3-none-any.whl"
    wheel.write_bytes(b"not a zip")
    with pytest.raises(BuildError, match="not a wheel that can be read"):
        sbom.describe("dash", "1.0", [wheel], {})


def test_unknown_verb_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as caught:
        artifact.main(["publish"])
    assert caught.value.code == 2
