"""What Prometheus is told of certificates that no probe sees: real ones, read by OpenSSL."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.ops.programs import load

certificates = load("exporter/files/certificates.py")

NAME = "dash_certificate_expires_timestamp_seconds"


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return two certificates with their keys, by how many days they are good."""
    folder, texts = tmp_path_factory.mktemp("pki"), {}
    for days in ("3", "40"):
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test"
        subprocess.run(
            ["openssl", *words.split(), "-days", days, "-keyout", "key", "-out", "pem"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        texts[days] = (folder / "key").read_text() + (folder / "pem").read_text()
    return texts


def declared(tmp_path: Path, minutes: float = 60) -> str:
    """Return the unit that names the patterns, which is so old."""
    unit = tmp_path / "unit"
    unit.touch()
    then = time.time() - minutes * 60
    os.utime(unit, (then, then))
    return str(unit)


def told(out: Path) -> dict[str, float]:
    """Return days left by path, of the file that the node exporter reads."""
    now = datetime.now(UTC).timestamp()
    lines = [line.rsplit(" ", 1) for line in out.read_text().splitlines() if line[0] != "#"]
    return {name: (int(value) - now) / 86400 for name, value in lines}


def test_the_first_certificate_of_a_file_to_end_counts(
    tmp_path: Path, made: dict[str, str]
) -> None:
    (tmp_path / "chain.pem").write_text(made["40"] + made["3"])
    (tmp_path / "long.pem").write_text(made["40"])
    out = tmp_path / "figures.prom"

    patterns = [str(tmp_path / "*.pem"), str(tmp_path / "long.pem")]
    assert certificates.main([str(out), declared(tmp_path), *patterns]) == 0

    assert told(out) == pytest.approx(
        {
            f'{NAME}{{path="{tmp_path}/chain.pem"}}': 3,
            f'{NAME}{{path="{tmp_path}/long.pem"}}': 40,
        },
        abs=0.1,
    )
    assert [p.name for p in tmp_path.glob("figures*")] == ["figures.prom"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        ("words", "no certificate in it"),
        (
            "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n",
            "no certificate that OpenSSL reads",
        ),
    ],
)
def test_what_cannot_be_read_is_named_and_the_others_are_told(
    tmp_path: Path,
    made: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    why: str,
) -> None:
    good, bad, out = tmp_path / "good.pem", tmp_path / "bad.pem", tmp_path / "figures.prom"
    good.write_text(made["40"])
    if content is not None:
        bad.write_text(content)

    assert certificates.main([str(out), declared(tmp_path), str(bad), str(good)]) == 1

    assert capsys.readouterr().err == f"{bad}: {why}\n"
    assert list(told(out)) == [f'{NAME}{{path="{good}"}}']


@pytest.mark.parametrize(("minutes", "code"), [(0, 0), (29, 0), (31, 1)])
def test_a_new_host_may_lack_what_roles_have_yet_to_bring(
    tmp_path: Path, made: dict[str, str], minutes: float, code: int
) -> None:
    good, out = tmp_path / "good.pem", tmp_path / "figures.prom"
    good.write_text(made["40"])
    patterns = [str(good), str(tmp_path / "no*.pem")]

    assert certificates.main([str(out), declared(tmp_path, minutes), *patterns]) == code

    assert list(told(out)) == [f'{NAME}{{path="{good}"}}']


def test_a_new_host_may_not_have_what_nobody_can_read(tmp_path: Path) -> None:
    bad, out = tmp_path / "bad.pem", tmp_path / "figures.prom"
    bad.write_text("words")

    assert certificates.main([str(out), declared(tmp_path, 0), str(bad)]) == 1
