"""An artifact is whole, or it is refused with one line."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import zstandard

from ops import archive
from ops.version import BuildError

if TYPE_CHECKING:
    from pathlib import Path

Member = tuple[tarfile.TarInfo, bytes]
Forge = Callable[[list[Member]], None]


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """Return a whole artifact of two members."""
    members = {"app/__init__.py": tmp_path / "a", "wheels/x-1.0-py3-none-any.whl": tmp_path / "b"}
    for name, path in members.items():
        path.write_text(name * 100)
    files = {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in members.items()}
    raw = archive.canonical({"format": 1, "version": "1.2.0+g1", "files": files})
    target = tmp_path / "out" / archive.file_name("1.2.0+g1", archive.digest_of(raw))
    archive.pack(raw, members, target)
    return target


def unpack(path: Path) -> list[Member]:
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return [(m, (tar.extractfile(m) or io.BytesIO()).read()) for m in tar]


def repack(path: Path, members: list[Member]) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, content in members:
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(zstandard.ZstdCompressor().compress(out.getvalue()))


def edit_manifest(members: list[Member], **changes: object) -> None:
    info, raw = members[0]
    members[0] = (info, archive.canonical({**json.loads(raw), **changes}))


def change_bytes(members: list[Member]) -> None:
    members[1] = (members[1][0], members[1][1].replace(b"app", b"APP"))


def add_member(members: list[Member]) -> None:
    members.append((tarfile.TarInfo("app/extra.py"), b""))


def double_member(members: list[Member]) -> None:
    members.append(members[1])


def drop_member(members: list[Member]) -> None:
    members.pop()


def make_link(members: list[Member]) -> None:
    link = tarfile.TarInfo(members[1][0].name)
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    members[1] = (link, b"")


def manifest_last(members: list[Member]) -> None:
    members.append(members.pop(0))


def no_members(members: list[Member]) -> None:
    members.clear()


def not_canonical(members: list[Member]) -> None:
    members[0] = (members[0][0], json.dumps(json.loads(members[0][1])).encode())


def not_json(members: list[Member]) -> None:
    members[0] = (members[0][0], b"{")


def other_format(members: list[Member]) -> None:
    edit_manifest(members, format=2)


def files_no_map(members: list[Member]) -> None:
    edit_manifest(members, files=["app"])


def climb_out(members: list[Member]) -> None:
    edit_manifest(members, files={"app/../../etc/passwd": "0"})


def other_version(members: list[Member]) -> None:
    edit_manifest(members, version="9.9")


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (change_bytes, "'app/__init__.py' has other bytes"),
        (add_member, "'app/extra.py' is not in the manifest"),
        (double_member, "'app/__init__.py' is not in the manifest, comes twice"),
        (drop_member, "'wheels/x-1.0-py3-none-any.whl' is missing"),
        (make_link, "'app/__init__.py' is not in the manifest, comes twice or is no file"),
        (manifest_last, "its first member is not manifest.json"),
        (no_members, "its first member is not manifest.json"),
        (not_canonical, "is not of format 1"),
        (not_json, "is not of format 1"),
        (other_format, "is not of format 1"),
        (files_no_map, "is not of format 1"),
        (climb_out, "'app/../../etc/passwd' cannot be in a release"),
        (other_version, "holds version 9.9 with digest"),
    ],
)
def test_forged_artifact_is_refused(artifact: Path, forge: Forge, said: str) -> None:
    members = unpack(artifact)
    forge(members)
    repack(artifact, members)
    with pytest.raises(BuildError) as caught:
        archive.verify(artifact)
    assert said in str(caught.value)
    assert str(artifact) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_compressor_does_not_matter_to_the_digest(artifact: Path) -> None:
    """Only what the manifest pins counts, so hosts may use another zstd."""
    before = archive.verify(artifact)
    repack(artifact, unpack(artifact))
    assert archive.verify(artifact) == before


@pytest.mark.parametrize("lost", [1, 4, 5, 200, 100_000])
def test_truncated_artifact_is_refused(artifact: Path, lost: int) -> None:
    raw = artifact.read_bytes()
    artifact.write_bytes(raw[:-lost])
    with pytest.raises(BuildError):
        archive.verify(artifact)


def test_every_flipped_byte_is_noticed(artifact: Path) -> None:
    raw = artifact.read_bytes()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 0xFF
        artifact.write_bytes(changed)
        with pytest.raises(BuildError):
            archive.verify(artifact)


def test_bytes_after_the_end_are_noticed(artifact: Path) -> None:
    artifact.write_bytes(artifact.read_bytes() + b"more")
    with pytest.raises(BuildError, match="damaged"):
        archive.verify(artifact)


def test_file_under_another_name_is_refused(artifact: Path) -> None:
    for name in ("dash-1.2.0+g1-000000000000.tar.zst", "other.tar.zst"):
        artifact = artifact.rename(artifact.with_name(name))
        with pytest.raises(BuildError):
            archive.verify(artifact)


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="does not exist"):
        archive.verify(tmp_path / "dash-1.0-000000000000.tar.zst")


def test_members_have_fixed_order_times_owners_and_modes(artifact: Path) -> None:
    found = [info for info, _ in unpack(artifact)]
    assert [m.name for m in found] == [
        "manifest.json",
        "app/__init__.py",
        "wheels/x-1.0-py3-none-any.whl",
    ]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in found} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_interrupted_pack_leaves_nothing(artifact: Path, tmp_path: Path) -> None:
    before = sorted(artifact.parent.iterdir())
    with pytest.raises(FileNotFoundError):
        archive.pack(b"{}", {"app/x": tmp_path / "missing"}, artifact.with_name("new"))
    assert sorted(artifact.parent.iterdir()) == before


@pytest.mark.parametrize(
    "name", ["app/a b.py", "app/.hidden", "etc/x", "app", "app//x", "app/x/.."]
)
def test_names_that_hosts_would_not_unpack_are_refused(name: str) -> None:
    with pytest.raises(BuildError, match="cannot be in a release"):
        archive.check_member(name)
