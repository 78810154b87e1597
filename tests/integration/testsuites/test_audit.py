"""A vulnerability check that could not be made says so and never passes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from ops.testsuites import audit
from ops.testsuites.parts import SKIPPED

Answer = Callable[..., "subprocess.CompletedProcess[str]"]


def answering(code: int, out: str = "", err: str = "") -> Answer:
    """Return a pip-audit that always gives the same answer."""
    return lambda *_files: subprocess.CompletedProcess([], code, out, err)


def test_an_unreachable_service_is_skipped_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "ask", answering(1, err="WARNING: x\nERROR: pip: not found"))
    assert audit.main(["requirements/app.txt"]) == SKIPPED
    assert "NOT CHECKED" in capsys.readouterr().out


def test_a_service_that_never_answers_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_files: str) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired("pip-audit", 1)

    monkeypatch.setattr(audit, "ask", ask)
    assert audit.main(["requirements/app.txt"]) == SKIPPED


@pytest.mark.parametrize(
    ("bad", "code"), [(set[str](), 0), ({"requirements/ops.txt"}, 1)], ids=["clean", "vulnerable"]
)
def test_each_file_is_judged_when_the_service_answers(
    monkeypatch: pytest.MonkeyPatch, bad: set[str], code: int
) -> None:
    """The canary is an old pip with a known vulnerability: that answer shows the service works."""

    def ask(*files: str) -> subprocess.CompletedProcess[str]:
        found = not set(files) & {"requirements/app.txt", "requirements/ops.txt"}
        text = "Found 1 known vulnerability" if found or set(files) & bad else "none"
        return subprocess.CompletedProcess([], int("Found" in text), text, "")

    monkeypatch.setattr(audit, "ask", ask)
    assert audit.main(["requirements/app.txt", "requirements/ops.txt"]) == code
