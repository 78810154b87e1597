"""What `python -m ops.target` says to programs that import none of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import monitor, target
from ops.console import UserError
from ops.session import Session


def session(root: Path) -> Session:
    return Session(stack="lab", environ={}, root=root)


def up(root: Path) -> Session:
    """Return the session of a stack that is up, with a monitor."""
    found = session(root)
    kept = found.state_dir / "pulumi/.pulumi/stacks/dash/lab.json"
    for path in (kept, found.state_dir / "ca.pem", found.state_dir / "secrets/prometheus_password"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("hidden")
    return found


def test_addresses_and_files_are_told_and_no_secret(tmp_path: Path) -> None:
    found = target.document(up(tmp_path))

    state = tmp_path / ".dash/lab"
    assert found == {
        "stack": "lab",
        "provider": "",
        "url": "https://127.0.0.1:8443",
        "preview": "https://127.0.0.1:8444",
        "ca": str(state / "ca.pem"),
        "directory": str(state),
        "prometheus": "https://127.0.0.1:9090",
        "prometheus_user": "dash",
        "prometheus_password_file": str(state / "secrets/prometheus_password"),
    }


def test_of_several_monitors_the_first_that_answers_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = up(tmp_path)
    (found.state_dir / "overrides.json").write_text('{"monitor_hosts": 2}')
    asked: list[str] = []

    def ask(_session: Session, address: str, *_: object) -> None:
        asked.append(address)
        if address != "https://127.0.0.1:20001":
            raise monitor.Silent(address)

    monkeypatch.setattr(monitor, "_ask", ask)
    assert target.document(found)["prometheus"] == "https://127.0.0.1:20001"
    assert asked == ["https://127.0.0.1:9090", "https://127.0.0.1:20001"]


def test_a_stack_that_is_not_up_is_said_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lab is not up: type \./dash --stack lab up"):
        target.document(session(tmp_path))


def test_a_wrong_variable_is_one_line_and_the_code_for_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert target.main({"DASH_STACK": "labb"}) == 2
    assert capsys.readouterr().err == "DASH_STACK: there is no stack 'labb': did you mean lab?\n"
