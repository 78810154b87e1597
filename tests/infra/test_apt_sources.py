"""Apt sources of the host image: Debian's own archives of the machine, its suite changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.podman import sources
from infra.podman.sources import MAIN, SECURITY, Mirrors

DEB822 = """\
# a comment that names http://commented.example/debian
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
# URIs: http://commented.example/debian-security
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main
"""


def test_deb822_sources_give_archive_and_security() -> None:
    found = sources.mirrors({"debian.sources": DEB822}, "debian")

    assert found == Mirrors("http://mirror.example/debian", "http://mirror.example/debian-security")


def test_one_line_sources_with_options_are_read() -> None:
    text = (
        "# deb http://old.example/debian bookworm main\n"
        "deb-src http://source.example/debian trixie main\n"
        "deb [arch=amd64 signed-by=/k.gpg] https://mirror.example/debian/ trixie main contrib\n"
        "deb http://sec.example/debian-security trixie-security main\n"
    )

    found = sources.mirrors({"sources.list": text}, "debian")

    assert found == Mirrors("https://mirror.example/debian", "http://sec.example/debian-security")


@pytest.mark.parametrize(
    "text",
    [
        "deb https://packages.cloud.example/apt cloud-sdk-bookworm main\n",
        "deb https://deb.node.example/node_20.x nodistro main\n",
        "deb http://snapshot.debian.example/archive/debian/20250520T000000Z bookworm main\n",
        "deb mirror+file:/etc/apt/mirrors/debian.list trixie main\n",
        "deb cdrom:[Debian]/ trixie main\n",
    ],
)
def test_what_is_no_debian_archive_is_not_taken(text: str) -> None:
    """Other people's packages do not belong in the image, and a snapshot may lack trixie."""
    assert sources.mirrors({"sources.list": text}, "debian") == Mirrors(MAIN, SECURITY)


def test_disabled_and_source_only_stanzas_do_not_count() -> None:
    text = (
        "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: x\n\n"
        "Types: deb-src\nURIs: http://src.example/debian\nSuites: x\n\n"
        "Types: deb deb-src\nURIs: http://on.example/debian\n  http://second.example/debian\n"
    )

    assert sources.mirrors({"a.sources": text}, "debian").main == "http://on.example/debian"


def test_other_files_in_the_folder_are_not_read() -> None:
    saved = {"debian.sources.save": DEB822, "x.list.dpkg-old": "deb http://a/debian b main"}

    assert sources.mirrors(saved, "debian") == Mirrors()


def test_ubuntu_gets_debian_s_own_archive() -> None:
    text = {"ubuntu.sources": DEB822}

    assert sources.mirrors(text, "ubuntu") == Mirrors(MAIN, SECURITY)


def test_the_suite_is_the_image_s_and_the_keyring_is_named() -> None:
    assert sources.render(
        Mirrors("http://m/debian", "http://s/debian-security"), "trixie", "/k"
    ) == (
        "deb [signed-by=/k] http://m/debian trixie main\n"
        "deb [signed-by=/k] http://m/debian trixie-updates main\n"
        "deb [signed-by=/k] http://s/debian-security trixie-security main\n"
    )


def test_a_machine_is_read_from_its_files(tmp_path: Path) -> None:
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/apt/sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "etc/os-release").write_text('NAME="x"\nID=debian\n')

    text = sources.of_machine("trixie", tmp_path)

    assert text.startswith("deb http://mirror.example/debian trixie main\n")


def test_a_machine_without_apt_gets_debian_s_own_archive(tmp_path: Path) -> None:
    assert f"deb {MAIN} trixie main" in sources.of_machine("trixie", tmp_path)
