"""Which of its four sources a tool comes from, and what is said when none gives it."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from ops import tools
from ops import tools_sources as sources
from ops.console import UserError

ARCH = tools.ARCHITECTURES.get(platform.machine(), platform.machine())
ARCHIVE = f"thing-1.2.3-linux-{ARCH}.tar.xz"
MANIFEST = """
[thing]
version = "1.2.3"
accepts = ">=1.2,<2"
files = ["thing", "thing-helper"]
version_command = ["version"]
mirror = "thing-{version}-linux-{arch}.tar.xz"
"""


class Place:
    """A machine of its own: PATH, mirror, cache and manifest in a folder."""

    def __init__(self, folder: Path) -> None:
        self.manifest = folder / "tools/manifest.toml"
        self.bin = folder / "bin"
        self.mirror = folder / "mirror"
        self.cache = folder / "cache/dash/tools"
        for directory in (self.manifest.parent, self.bin, self.mirror):
            directory.mkdir()
        self.manifest.write_text(MANIFEST)
        self.told: list[str] = []

    def resolve(self) -> Path:
        return tools.resolve("thing", self.told.append, file=self.manifest)

    def refusal(self) -> str:
        with pytest.raises(UserError) as raised:
            self.resolve()
        assert "\n" not in raised.value.line
        return raised.value.line

    def install(self, version: str, *files: str) -> None:
        """Put the program on PATH."""
        for name in files:
            (self.bin / name).write_text(f"#!/bin/sh\necho v{version}\n")
            (self.bin / name).chmod(0o755)

    def publish(self, *files: str, digest: str = "") -> None:
        """Put an archive of these files into the mirror."""
        for name in files:
            (self.mirror / name).write_text(f"#!/bin/sh\necho mirror {name}\n")
        with tarfile.open(self.mirror / ARCHIVE, "w:xz") as tar:
            for name in files:
                tar.add(self.mirror / name, f"thing/{name}")
        found = hashlib.sha256((self.mirror / ARCHIVE).read_bytes()).hexdigest()
        (self.mirror / "SHA256SUMS").write_text(f"{digest or found}  {ARCHIVE}\n")

    def add_build(self, script: str, go: str = "1.0") -> None:
        """Give the manifest a recipe."""
        table = f'[thing.build]\nscript = "t.sh"\ngo = "{go}"\nseconds = 1\nmemory_gib = 1\n'
        self.manifest.write_text(MANIFEST + table)
        (self.manifest.parent / "t.sh").write_text(script)


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path)
    monkeypatch.setenv("PATH", f"{place.bin}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DASH_MIRROR", str(place.mirror))
    return place


def test_an_accepted_version_on_path_comes_before_all_else(place: Place) -> None:
    place.install("1.9.0", "thing", "thing-helper")
    place.publish("thing", "thing-helper")

    assert place.resolve() == place.bin
    assert not place.cache.exists()


def test_a_link_on_path_leads_to_the_folder_of_all_files(place: Place, tmp_path: Path) -> None:
    place.install("1.2.3", "thing", "thing-helper")
    real = tmp_path / "opt"
    place.bin.rename(real)
    place.bin.mkdir()
    (place.bin / "thing").symlink_to(real / "thing")

    assert place.resolve() == real


@pytest.mark.parametrize("version", ["1.1.9", "2.0.0", "unknown"])
def test_another_version_on_path_is_left_alone(place: Place, version: str) -> None:
    place.install(version, "thing", "thing-helper")
    place.publish("thing", "thing-helper")

    assert place.resolve().parent == place.cache


def test_a_program_on_path_without_its_helper_is_left_alone(place: Place) -> None:
    place.install("1.2.3", "thing")

    assert "comes without thing-helper" in place.refusal()


def test_the_mirror_s_archive_is_unpacked_once(place: Place) -> None:
    place.publish("thing", "thing-helper")
    first = place.resolve()
    place.told.clear()
    (place.mirror / ARCHIVE).unlink()

    assert place.resolve() == first
    assert place.told == []
    done = subprocess.run([first / "thing-helper"], capture_output=True, text=True, check=True)
    assert done.stdout == "mirror thing-helper\n"


def test_the_cache_is_keyed_by_name_version_and_checksum(place: Place) -> None:
    place.publish("thing", "thing-helper")
    digest = (place.mirror / "SHA256SUMS").read_text()[:12]

    assert place.resolve() == place.cache / f"thing-1.2.3-{digest}"


def test_the_cache_does_not_count_as_path(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell set by `./dash env` has it on PATH; a newer manifest must win there too."""
    place.publish("thing", "thing-helper")
    monkeypatch.setenv("PATH", f"{place.resolve()}:/usr/bin:/bin")
    place.manifest.write_text(MANIFEST.replace("1.2.3", "1.2.4"))

    assert "PATH: no thing" in place.refusal()


def test_a_corrupt_archive_is_not_unpacked(place: Place) -> None:
    place.publish("thing", "thing-helper", digest="0" * 64)

    assert f"mirror: {ARCHIVE} is corrupt or another file" in place.refusal()
    assert any("corrupt" in line for line in place.told)
    assert list(place.cache.glob("thing-*")) == []


def test_what_is_in_no_mirror_is_told_as_such(place: Place) -> None:
    place.manifest.write_text(MANIFEST.replace('mirror = "thing', '# mirror = "thing'))

    assert "mirror: no mirror has it;" in place.refusal()


def test_an_archive_without_a_checksum_is_not_trusted(place: Place) -> None:
    place.publish("thing", "thing-helper")
    (place.mirror / "SHA256SUMS").write_text("")

    assert f"the checksum file does not name {ARCHIVE}" in place.refusal()


def test_an_archive_that_lacks_a_file_gives_nothing(place: Place) -> None:
    place.publish("thing")

    assert "mirror: it lacks thing-helper" in place.refusal()
    assert list(place.cache.glob("thing-*")) == []


def test_what_is_no_archive_gives_nothing(place: Place) -> None:
    (place.mirror / ARCHIVE).write_bytes(b"no archive")
    digest = hashlib.sha256(b"no archive").hexdigest()
    (place.mirror / "SHA256SUMS").write_text(f"{digest}  {ARCHIVE}\n")

    assert f"{ARCHIVE} cannot be unpacked" in place.refusal()


def test_half_a_copy_in_the_cache_is_replaced(place: Place) -> None:
    place.publish("thing", "thing-helper")
    kept = place.resolve()
    (kept / "thing-helper").unlink()

    assert place.resolve() == kept
    assert (kept / "thing-helper").is_file()


def test_a_build_comes_last(place: Place) -> None:
    place.add_build('for n in thing thing-helper; do echo "#!/bin/sh" >"$2/$n"; done; echo "$1"')
    (place.bin / "go").write_text("#!/bin/sh\necho go1.26.0\n")
    (place.bin / "go").chmod(0o755)
    found = place.resolve()

    assert {p.name for p in found.iterdir()} == {"thing", "thing-helper"}
    assert (place.cache / "thing-1.2.3.build.log").read_text() == "1.2.3\n"
    assert any("about 1.0 s and 1 GiB" in line for line in place.told)


def test_a_failed_build_tells_its_last_line_and_its_log(place: Place) -> None:
    place.add_build("echo first; echo 'no such module' >&2; exit 3")
    (place.bin / "go").write_text("#!/bin/sh\necho go1.26.0\n")
    (place.bin / "go").chmod(0o755)

    log = place.cache / "thing-1.2.3.build.log"
    assert f"Go build: no such module (all of it: {log})" in place.refusal()


def test_a_build_that_takes_too_long_leaves_no_compiler_and_nothing_half_done(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "compiler"
    place.add_build(f'touch "$2/thing"; sleep 600 & echo $! >{compiler}; wait')
    (place.bin / "go").write_text("#!/bin/sh\necho go1.26.0\n")
    (place.bin / "go").chmod(0o755)
    monkeypatch.setattr(sources, "BUILD_TIMEOUT", 1)

    assert "Go build: not built within 1.0 s" in place.refusal()
    stat = Path(f"/proc/{compiler.read_text().strip()}/stat")
    deadline = time.monotonic() + 5
    while stat.exists() and stat.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not stat.exists() or stat.read_text().split()[2] == "Z"
    assert not list(place.cache.glob(".thing-*"))


def test_what_a_killed_process_had_begun_is_removed(place: Place) -> None:
    (place.cache / ".thing-old").mkdir(parents=True)
    (place.cache / ".thing-old" / "thing").write_text("half")
    (place.cache / ".other-old").mkdir()
    place.publish("thing", "thing-helper")

    place.resolve()
    assert [p.name for p in place.cache.glob(".*")] == [".other-old"]


def test_an_old_go_does_not_build(place: Place) -> None:
    place.add_build("exit 0", go="1.26")
    (place.bin / "go").write_text("#!/bin/sh\necho go1.25.9\n")
    (place.bin / "go").chmod(0o755)

    assert f"{place.bin}/go is go1.25.9, 1.26 is needed" in place.refusal()


def test_the_refusal_names_all_four_and_what_to_do(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASH_MIRROR")
    line = place.refusal()

    assert "PATH: no thing" in line
    assert "mirror: DASH_MIRROR is not set" in line
    assert "official download: the publisher has none" in line
    assert "Go build: there is no recipe" in line
    assert line.endswith(
        "Next: put it on PATH, or set DASH_MIRROR to a folder with its archive and SHA256SUMS"
    )


def test_two_runs_at_once_wait_for_one_another(place: Place) -> None:
    place.publish("thing", "thing-helper")
    place.cache.mkdir(parents=True)
    script = (
        "import sys; from pathlib import Path; from ops import tools; "
        f"print(tools.resolve('thing', print, file=Path({str(place.manifest)!r})))"
    )
    with (place.cache / "thing.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            first = other.stdout.readline()
            fcntl.flock(lock, fcntl.LOCK_UN)
            rest = other.stdout.read()

    assert first == "wait for another process that gets thing 1.2.3\n" or "unpack" in first
    assert rest.splitlines()[-1].startswith(str(place.cache))


def test_an_unknown_tool_is_told_with_the_known_ones(place: Place) -> None:
    with pytest.raises(UserError, match="there is no tool 'loki': known are thing"):
        tools.resolve("loki", file=place.manifest)


@pytest.mark.parametrize("text", ["[thing", "[thing]\nversion = 1\nnew = 2\n"])
def test_a_broken_manifest_is_one_line(place: Place, text: str) -> None:
    place.manifest.write_text(text)

    assert "manifest.toml cannot be read" in place.refusal()


def test_the_command_prints_the_folder_alone(
    monkeypatch: pytest.MonkeyPatch, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.install("1.2.3", "thing", "thing-helper")
    found = place.resolve()
    monkeypatch.setattr(tools, "resolve", lambda _name, _tell: found)

    assert tools.main(["thing"]) == 0
    assert capsys.readouterr().out == f"{place.bin}\n"


@pytest.mark.parametrize(("argv", "code"), [([], 2), (["nothing"], 1)])
def test_the_command_has_no_traceback(
    argv: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tools.main(argv) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_manifest_of_this_checkout_is_whole() -> None:
    """Every program can be had from all four sources on both architectures.

    All but the plugin of Session Manager, which stacks on AWS alone need: its publisher has
    packages for apt and no checksums of them, so it is on PATH, or built.
    """
    for tool in tools.manifest().values():
        assert (tools.MANIFEST.parent / tool.build["script"]).is_file()
        assert tools.Version(tool.version) in tools.SpecifierSet(tool.accepts)
        if tool.name == "session-manager-plugin":
            continue
        assert tool.mirror
        assert set(tool.official["arches"]) == {"amd64", "arm64"}
        assert tool.official["archive"].startswith("https://")
        assert tool.official["checksums"].startswith("https://")
