"""Releases on an app host: delivered whole or not at all."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import files, paths, unpacking
from ansible_collections.dash.platform.plugins.module_utils.releases import Host
from ansible_collections.dash.platform.plugins.module_utils.unpacking import ReleaseError
from tests.integration.platform.artifacts import Artifact, artifact

CONFIG = "DASH_APP_LOG_LEVEL=info\n"
HASH = hashlib.sha256(CONFIG.encode()).hexdigest()


@pytest.fixture(name="quick")
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the virtual environment, which takes seconds and has its own test."""

    def install(directory: Path) -> None:
        (directory / "venv/bin").mkdir(parents=True)
        (directory / "venv/bin/python").touch()

    monkeypatch.setattr(unpacking, "install", install)


def deliver(made: Artifact) -> bool:
    return Host().deliver(made.path, made.version, made.digest)


def left() -> list[str]:
    """Return what lies in the folder of releases, hidden things too."""
    return sorted(p.name for p in (paths.OPT / "releases").iterdir())


def test_a_release_is_unpacked_verified_and_installed(tmp_path: Path) -> None:
    """With a real wheel and the real pip, offline."""
    made = artifact(tmp_path, wheels=True)

    assert deliver(made)

    release = paths.OPT / "releases/0.1.0"
    assert Host().known() == [{"version": "0.1.0", "digest": made.digest, "complete": True}]
    assert (release / "app/__init__.py").read_text(encoding="utf-8") == "VERSION = 1\n"
    assert list((release / "venv").glob("lib/python3*/site-packages/greeting.py"))
    assert list((release / "app/__pycache__").glob("__init__.*.pyc"))
    assert (release / "app/__init__.py").stat().st_mode & 0o777 == 0o644
    assert release.stat().st_mode & 0o777 == 0o755
    assert left() == ["0.1.0"]


@pytest.mark.usefixtures("quick")
def test_delivering_what_is_there_changes_nothing(tmp_path: Path) -> None:
    made = artifact(tmp_path)
    deliver(made)
    before = (paths.OPT / "releases/0.1.0").stat().st_mtime_ns
    made.path.unlink()

    assert not deliver(made)
    assert (paths.OPT / "releases/0.1.0").stat().st_mtime_ns == before


@pytest.mark.usefixtures("quick")
def test_another_content_under_a_known_version_is_refused(tmp_path: Path) -> None:
    first = artifact(tmp_path)
    deliver(first)
    other = artifact(tmp_path, {"app/__init__.py": "VERSION = 2\n"})

    with pytest.raises(ReleaseError, match="a version names one digest for ever"):
        deliver(other)

    assert Host().digest("0.1.0") == first.digest


@pytest.mark.usefixtures("quick")
def test_what_a_run_cut_short_left_behind_is_replaced(tmp_path: Path) -> None:
    (paths.OPT / "releases/0.1.0/app").mkdir(parents=True)
    (paths.OPT / "releases/0.1.0/app/old.py").touch()
    (paths.OPT / "releases/.staging-abc/app").mkdir(parents=True)
    assert Host().known() == [{"version": "0.1.0", "digest": "", "complete": False}]

    assert deliver(artifact(tmp_path))

    assert left() == ["0.1.0"]
    assert not (paths.OPT / "releases/0.1.0/app/old.py").exists()


def cut(made: Artifact) -> Artifact:
    data = made.path.read_bytes()
    made.path.write_bytes(data[: len(data) // 2])
    return made


def noise(made: Artifact) -> Artifact:
    made.path.write_bytes(os.urandom(2000))
    return made


def flipped(made: Artifact) -> Artifact:
    data = bytearray(made.path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    made.path.write_bytes(bytes(data))
    return made


def empty(made: Artifact) -> Artifact:
    made.path.write_bytes(b"")
    return made


def gone(made: Artifact) -> Artifact:
    made.path.unlink()
    return made


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut, "corrupt or cut off. Next: remove it here"),
        (noise, "corrupt or cut off"),
        (flipped, "corrupt or cut off"),
        (empty, "corrupt or cut off"),
        (gone, r"is not on this host. Next: \./dash deploy"),
    ],
)
def test_a_damaged_artifact_is_refused_and_leaves_nothing(
    tmp_path: Path, spoil: Callable[[Artifact], Artifact], says: str
) -> None:
    made = spoil(artifact(tmp_path))

    with pytest.raises(ReleaseError, match=says) as refused:
        deliver(made)

    assert "\n" not in str(refused.value)
    assert left() == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("odd", "says"),
    [
        ({"digest": "0" * 64}, "has digest [0-9a-f]{12}, 000000000000 was expected"),
        ({"version": "0.2.0"}, r"is of version 0\.1\.0, not 0\.2\.0"),
        ({"version": "../../etc"}, "cannot be a version"),
        ({"version": ".hidden"}, "cannot be a version"),
    ],
)
def test_an_artifact_that_is_not_the_expected_one_is_refused(
    tmp_path: Path, odd: dict[str, str], says: str
) -> None:
    made = artifact(tmp_path)
    wanted = {"version": made.version, "digest": made.digest, **odd}

    with pytest.raises(ReleaseError, match=says):
        Host().deliver(made.path, wanted["version"], wanted["digest"])

    assert left() == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"changed": {"app/__init__.py": "evil\n"}}, r"app/__init__\.py in the artifact was chan"),
        ({"extra": {"app/evil.py": "evil\n"}}, r"disagree about app/evil\.py"),
        ({"missing": ["app/__init__.py"]}, r"disagree about app/__init__\.py"),
        ({"extra": {"../evil": "x"}}, r"'\.\./evil', which lies outside of it: refused"),
        ({"extra": {"/evil": "x"}}, r"disagree about evil"),
        ({"links": {"app/link": "/etc/passwd"}}, "'app/link', which is no plain file: refused"),
        ({"links": {"app/link": "__init__.py"}}, "'app/link', which is no plain file: refused"),
        ({"manifest": "{"}, "manifest cannot be read"),
        ({"manifest": '{"version": "0.1.0"}'}, "manifest cannot be read"),
    ],
)
def test_an_artifact_that_was_tampered_with_is_refused_and_leaves_nothing(
    tmp_path: Path, more: dict[str, Any], says: str
) -> None:
    made = artifact(tmp_path, **more)

    with pytest.raises(ReleaseError, match=says):
        deliver(made)

    assert left() == []
    assert not (paths.OPT / "evil").exists()


def test_a_release_that_cannot_be_installed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="has no wheel of pip"):
        deliver(artifact(tmp_path))

    assert left() == []


def test_a_release_whose_code_does_not_compile_is_refused(tmp_path: Path) -> None:
    made = artifact(tmp_path, {"app/__init__.py": "def (:\n"}, wheels=True)

    with pytest.raises(ReleaseError, match="installing the release failed: SyntaxError"):
        deliver(made)

    assert left() == []


def test_an_installation_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "INSTALL_TIMEOUT", 0.01)

    with pytest.raises(ReleaseError, match=r"took over 0\.01 s"):
        deliver(artifact(tmp_path, wheels=True))

    assert left() == []


def test_a_host_without_zstd_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = artifact(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ReleaseError, match=r"zstd is not installed.*\./dash configure"):
        deliver(made)


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = artifact(tmp_path)

    def full(*_words: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tarfile.copyfileobj", full)
    with pytest.raises(ReleaseError, match=r"cannot be unpacked: No space left on device"):
        deliver(made)

    assert left() == []


def released(*versions: str) -> None:
    """Put whole releases, delivered in this order, and their archives on the host."""
    for n, version in enumerate(versions):
        directory = paths.OPT / "releases" / version
        directory.mkdir()
        (directory / ".complete").write_text(f"{n:064d}\n", encoding="ascii")
        os.utime(directory, (1000 + n, 1000 + n))
        (paths.OPT / f"artifacts/dash-{version}-{n:012d}.tar.zst").touch()


def test_a_release_and_its_configuration_become_the_current_ones() -> None:
    released("0.1.0", "0.2.0")
    host = Host()
    host.configure(CONFIG, HASH)
    assert host.current() is None

    host.point_to("0.2.0", HASH)

    assert host.current() == {"version": "0.2.0", "digest": f"{1:064d}", "config_hash": HASH}
    assert host.points_to("0.2.0", HASH)
    assert (paths.ETC / f"configs/{HASH[:12]}/app.env").read_text(encoding="utf-8") == CONFIG
    host.point_nowhere()
    assert host.current() is None


def test_a_configuration_without_a_release_is_no_current_one() -> None:
    host = Host()
    host.configure(CONFIG, HASH)
    files.link(paths.ETC / "current", str(host.snapshot(HASH)))

    assert host.current() is None


@pytest.mark.parametrize(
    ("version", "config_hash", "says"),
    [
        ("9.9.9", HASH, r"release 9\.9\.9 is not on this host"),
        ("../x", HASH, r"release \.\./x is not on this host"),
        ("0.1.0", "f" * 64, "configuration ffffffffffff is not on this host"),
    ],
)
def test_what_is_not_here_cannot_become_current(version: str, config_hash: str, says: str) -> None:
    released("0.1.0")
    Host().configure(CONFIG, HASH)

    with pytest.raises(ReleaseError, match=says):
        Host().check(version, config_hash)


def test_a_configuration_that_was_changed_by_hand_is_not_started() -> None:
    released("0.1.0")
    Host().configure(CONFIG, HASH)
    (Host().snapshot(HASH) / "app.env").write_text("DASH_APP_LOG_LEVEL=debug\n", encoding="utf-8")

    with pytest.raises(ReleaseError, match="was changed on this host"):
        Host().check("0.1.0", HASH)


def test_a_configuration_must_have_its_hash() -> None:
    with pytest.raises(ReleaseError, match="does not have the hash ffffffffffff"):
        Host().configure(CONFIG, "f" * 64)


def test_pruning_keeps_what_it_is_told_and_what_runs() -> None:
    released("0.1.0", "0.2.0", "0.3.0+gabc-1", "0.4.0")
    Host().configure(CONFIG, HASH)
    Host().point_to("0.2.0", HASH)
    (paths.OPT / "releases/.staging-x").mkdir()

    removed = Host().prune(["0.4.0"])

    assert removed == [
        "0.1.0",
        "0.3.0+gabc-1",
        "dash-0.1.0-000000000000.tar.zst",
        "dash-0.3.0+gabc-1-000000000002.tar.zst",
    ]
    assert left() == ["0.2.0", "0.4.0"]
    assert Host().prune(["0.4.0"]) == []


def test_pruning_keeps_what_runs_even_when_its_configuration_is_gone() -> None:
    released("0.1.0")
    files.link(paths.OPT / "current", str(paths.OPT / "releases/0.1.0"))

    assert Host().prune([]) == []


def test_pruning_can_keep_the_newest() -> None:
    released("0.9.0", "0.10.0", "0.1.0")

    Host().prune([], newest=2)

    assert left() == ["0.1.0", "0.10.0"]


def test_a_removal_cut_short_does_not_look_like_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    released("0.1.0")

    def killed(_path: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        Host().prune([])

    assert Host().digest("0.1.0") == ""


def test_a_host_without_anything_has_no_releases() -> None:
    (paths.OPT / "releases").rmdir()
    (paths.OPT / "artifacts").rmdir()

    assert Host().known() == []
    assert Host().prune([]) == []


def test_the_modules_deliver_and_prune(tmp_path: Path, run_module: Any) -> None:
    made = artifact(tmp_path, wheels=True)
    params = {"artifact": str(made.path), "version": made.version, "digest": made.digest}

    done = run_module("release_deliver", fence=1, **params)
    assert done == {"changed": True, "directory": str(paths.OPT / "releases/0.1.0")}
    assert not run_module("release_deliver", fence=1, **params)["changed"]
    other = run_module("release_deliver", fence=1, **{**params, "digest": "f" * 64})
    assert "a version names one digest for ever" in other["msg"]

    started = time.monotonic()
    pruned = run_module("release_prune", fence=1, keep=[])
    assert (pruned["changed"], pruned["removed"]) == (True, ["0.1.0"])
    assert time.monotonic() - started < 10
