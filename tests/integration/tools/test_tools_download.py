"""The official download: what it is held against, and what is said when it is not that."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops import tools_sources as sources

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHIVE = "thing-1.2.3-x64.tar.gz"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A publisher's folder and its address."""
    folder = tmp_path / "site"
    folder.mkdir()
    body = b"#!/bin/sh\n"
    with tarfile.open(folder / ARCHIVE, "w:gz") as tar:
        member = tarfile.TarInfo("deep/down/thing")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    digest = hashlib.sha256((folder / ARCHIVE).read_bytes()).hexdigest()
    (folder / "sums.txt").write_text(f"{'1' * 64}  other.tar.gz\n{digest}  {ARCHIVE}\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="wanted")
def _wanted(tmp_path: Path) -> sources.Wanted:
    return sources.Wanted(
        name="thing", version="1.2.3", arch="amd64", files=("thing",), cache=tmp_path / "cache"
    )


def official(address: str, **more: Any) -> dict[str, Any]:
    return {
        "archive": f"{address}/thing-{{version}}-{{arch}}.tar.gz",
        "checksums": f"{address}/sums.txt",
        "arches": {"amd64": "x64"},
        "megabytes": 1,
        **more,
    }


def test_it_is_held_against_the_publisher_s_list_and_says_so(
    site: tuple[Path, str], wanted: sources.Wanted
) -> None:
    told: list[str] = []
    found = sources.download(wanted, official(site[1]), told.append)

    assert (found / "thing").read_text() == "#!/bin/sh\n"
    assert told[0].endswith("held against the checksum file beside it (none is pinned)")


def test_a_pinned_checksum_needs_no_list(site: tuple[Path, str], wanted: sources.Wanted) -> None:
    folder, address = site
    digest = hashlib.sha256((folder / ARCHIVE).read_bytes()).hexdigest()
    (folder / "sums.txt").unlink()
    told: list[str] = []

    found = sources.download(wanted, official(address, sha256={"amd64": digest}), told.append)

    assert found.name == f"thing-1.2.3-{digest[:12]}"
    assert told[0].endswith("held against a pinned checksum")


def test_another_content_is_refused(site: tuple[Path, str], wanted: sources.Wanted) -> None:
    folder, address = site
    with (folder / ARCHIVE).open("ab") as file:
        file.write(b"x")

    with pytest.raises(sources.Unavailable, match="corrupt or another file"):
        sources.download(wanted, official(address), lambda _line: None)
    assert not list(wanted.cache.glob("thing-*"))


def test_a_pinned_checksum_is_stronger_than_the_list(
    site: tuple[Path, str], wanted: sources.Wanted
) -> None:
    with pytest.raises(sources.Unavailable, match="corrupt or another file"):
        sources.download(wanted, official(site[1], sha256={"amd64": "0" * 64}), lambda _line: None)


@pytest.mark.parametrize("missing", [ARCHIVE, "sums.txt"])
def test_a_missing_file_is_told_with_the_server_s_answer(
    site: tuple[Path, str], wanted: sources.Wanted, missing: str
) -> None:
    (site[0] / missing).unlink()

    with pytest.raises(sources.Unavailable, match=r"thing-1\.2\.3-x64\.tar\.gz: .*File not found"):
        sources.download(wanted, official(site[1]), lambda _line: None)


def test_no_network_is_one_short_reason(wanted: sources.Wanted) -> None:
    with pytest.raises(sources.Unavailable, match="refused"):
        sources.download(wanted, official("http://127.0.0.1:1"), lambda _line: None)


def test_an_unknown_machine_is_told(wanted: sources.Wanted) -> None:
    with pytest.raises(sources.Unavailable, match="the publisher has none for amd64"):
        sources.download(wanted, official("http://x", arches={}), lambda _line: None)


def test_a_member_that_would_leave_the_folder_lands_in_it(wanted: sources.Wanted) -> None:
    """Names in an archive are not trusted: only the last part of them counts."""
    wanted.cache.mkdir()
    archive = wanted.cache / "evil.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("../../../thing")
        tar.addfile(member, io.BytesIO(b""))
    kept = sources.unpack(archive, wanted, "a" * 64)

    assert [p.name for p in kept.iterdir()] == ["thing"]
    assert not (wanted.cache.parent / "thing").exists()


def test_a_lone_program_in_a_zip_goes_by_its_own_name(wanted: sources.Wanted) -> None:
    wanted.cache.mkdir()
    archive = wanted.cache / "thing-linux-amd64.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(f"../deep/thing-linux-{wanted.arch}", "the program")
        packed.writestr("README", "no program")
    kept = sources.unpack(archive, wanted, "a" * 64)

    assert [p.name for p in kept.iterdir()] == ["thing"]
    assert (kept / "thing").read_text() == "the program"
    assert os.access(kept / "thing", os.X_OK)


def test_a_zip_that_is_cut_short_is_refused(wanted: sources.Wanted) -> None:
    wanted.cache.mkdir()
    archive = wanted.cache / "thing.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("thing", "the program")
    archive.write_bytes(archive.read_bytes()[:-9])
    with pytest.raises(sources.Unavailable, match="cannot be unpacked"):
        sources.unpack(archive, wanted, "a" * 64)


def test_a_publisher_s_checksum_file_may_hold_the_digest_alone(
    site: tuple[Path, str], wanted: sources.Wanted
) -> None:
    digest = hashlib.sha256((site[0] / ARCHIVE).read_bytes()).hexdigest()
    (site[0] / "sums.txt").write_text(f"{digest}\n")

    assert sources.download(wanted, official(site[1]), lambda _line: None).is_dir()
    (site[0] / "sums.txt").write_text("0" * 64)
    with pytest.raises(sources.Unavailable, match="corrupt or another file"):
        sources.download(wanted, official(site[1]), lambda _line: None)


def test_a_tree_is_kept_as_the_archive_has_it(
    site: tuple[Path, str], wanted: sources.Wanted
) -> None:
    tree = dataclasses.replace(wanted, files=("down/thing",), tree=True)
    found = sources.download(tree, official(site[1]), lambda _line: None)

    assert (found / "down/thing").read_text() == "#!/bin/sh\n"
    assert (found / "down/thing").stat().st_mode & 0o111
    lacking = dataclasses.replace(wanted, tree=True)
    with pytest.raises(sources.Unavailable, match="it lacks thing"):
        sources.download(lacking, official(site[1]), lambda _line: None)
