"""Wheels come from pins only, and are checked at every use."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ops import wheelhouse
from ops.version import BuildError
from tests.integration.artifact.conftest import make_wheel, pin

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM = "manylinux_2_28_x86_64"
HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture
def own_cache(cache: Path, pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache that holds the wheels of `pins` and that a test may damage."""
    wheelhouse.collect(pins, PLATFORM)
    shutil.copytree(cache, tmp_path / "own cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own cache"))
    return tmp_path / "own cache" / "dash" / "wheels"


@pytest.fixture
def pins(tmp_path: Path, index: Path) -> Path:
    path = tmp_path / "app.txt"
    path.write_text("".join(pin(wheel) for wheel in sorted(index.iterdir())))
    return path


def names(wheels: list[Path]) -> list[str]:
    return [wheel.name for wheel in wheels]


def test_wheels_are_fetched_once_and_checked_at_each_use(
    own_cache: Path, pins: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wheels = wheelhouse.collect(pins, PLATFORM)
    assert names(wheels) == ["alpha-1.0-py3-none-any.whl", "pip-99.0-py3-none-any.whl"]
    assert all(own_cache in wheel.parents for wheel in wheels)

    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "the network is gone"))
    (own_cache / "stray-1.0-py3-none-any.whl").touch()
    assert wheelhouse.collect(pins, PLATFORM) == wheels


def test_damaged_cache_is_fetched_again(own_cache: Path, pins: Path) -> None:
    wheels = wheelhouse.collect(pins, PLATFORM)
    whole = wheels[0].read_bytes()
    wheels[0].write_bytes(whole[:-1])
    wheels[1].unlink()
    assert wheelhouse.collect(pins, PLATFORM)[0].read_bytes() == whole
    assert not list(own_cache.glob(".fetching-*"))


def test_index_with_another_content_is_refused(own_cache: Path, pins: Path, index: Path) -> None:
    text = pins.read_text()
    good = pin(index / "alpha-1.0-py3-none-any.whl").split("sha256:")[1].split()[0]
    pins.write_text(text.replace(good, "0" * 64))
    with pytest.raises(BuildError, match="cannot fetch the wheels") as caught:
        wheelhouse.collect(pins, PLATFORM)
    assert "\n" not in str(caught.value)
    assert not list(own_cache.glob(".fetching-*"))


def test_requirements_have_to_bring_pip(pins: Path) -> None:
    pins.write_text(f"alpha==1.0 {HASH}\n")
    with pytest.raises(BuildError, match="does not pin pip"):
        wheelhouse.collect(pins, PLATFORM)


def test_markers_are_those_of_the_hosts(pins: Path) -> None:
    pins.write_text(
        f"here==1.0 ; python_full_version >= '3.13' and sys_platform == 'linux' {HASH}\n"
        f"old==1.0 ; python_version < '3.13' {HASH}\n"
        f"arm==1.0 ; platform_machine == 'aarch64' {HASH}\n"
    )
    assert [p.name for p in wheelhouse.read_pins(pins, "x86_64")] == ["here"]
    assert [p.name for p in wheelhouse.read_pins(pins, "aarch64")] == ["here", "arm"]


def test_pins_are_read_across_lines_and_extras(pins: Path) -> None:
    pins.write_text(
        f"# head\n\nPsycopg_Binary[pool]==3.1 \\\n  {HASH} \\\n  {HASH[:-1]}1  # via x\n"
    )
    (found,) = wheelhouse.read_pins(pins, "x86_64")
    assert (found.name, str(found.version), len(found.hashes)) == ("psycopg-binary", "3.1", 2)
    assert found.line() == f"psycopg-binary==3.1 {HASH} {HASH[:-1]}1"


@pytest.mark.parametrize(
    "line",
    [
        "alpha==1.0",
        f"alpha>=1.0 {HASH}",
        f"alpha {HASH}",
        f"alpha @ https://example.org/alpha.whl {HASH}",
        "-r other.txt",
        "--index-url https://example.org",
        "alpha==1.0 --hash=sha256:12",
        f"alpha==1.0 ; nonsense == 'x' {HASH}",
    ],
)
def test_anything_but_a_pin_with_a_hash_is_refused(pins: Path, line: str) -> None:
    pins.write_text(f"{line}\n")
    with pytest.raises(BuildError, match="only name==version with --hash=sha256") as caught:
        wheelhouse.read_pins(pins, "x86_64")
    assert line.split(maxsplit=1)[0] in str(caught.value)


def test_missing_requirements_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="git checkout requirements"):
        wheelhouse.collect(tmp_path / "app.txt", PLATFORM)


@pytest.mark.parametrize(
    ("machine", "tag"),
    [("x86_64", PLATFORM), ("AMD64", PLATFORM), ("arm64", "manylinux_2_28_aarch64")],
)
def test_machines_by_their_usual_names(machine: str, tag: str) -> None:
    assert wheelhouse.platform_tag(machine) == tag


def test_unknown_machine_is_refused() -> None:
    with pytest.raises(BuildError, match="riscv64: give --machine"):
        wheelhouse.platform_tag("riscv64")


def test_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert wheelhouse.cache_root() == tmp_path / ".cache" / "dash"


def test_wheel_with_a_known_name_but_no_pinned_hash_is_not_taken(
    own_cache: Path, pins: Path, tmp_path: Path
) -> None:
    (folder,) = {wheel.parent for wheel in wheelhouse.collect(pins, PLATFORM)}
    assert folder.parent == own_cache
    make_wheel(folder, "alpha", "1.0", "Summary: changed")
    make_wheel(tmp_path / "other", "alpha", "2.0").rename(folder / "alpha-2.0-py3-none-any.whl")
    wheels = wheelhouse.collect(pins, PLATFORM)
    assert b"changed" not in wheels[0].read_bytes()
    assert names(wheels) == ["alpha-1.0-py3-none-any.whl", "pip-99.0-py3-none-any.whl"]
