"""A release's own command line in a transient unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import paths, transient
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from tests.integration.platform.fake_programs import Programs

SHOW = r"""for word in "$@"; do case "$word" in
  --property=EnvironmentFile=*) f="${word#*=*=}"; [ -f "$f" ] && cat "$f" >> LOG;;
esac; done
echo '{"applied": ["0001"]}'
"""


@pytest.fixture(name="release", autouse=True)
def _release(programs: Programs) -> Path:
    """A release and its configuration, both current."""
    programs.have("systemd-run", "echo '{}'")
    release = paths.OPT / "releases/0.1.0"
    (release / "venv/bin").mkdir(parents=True)
    (release / "venv/bin/python").touch()
    (paths.OPT / "current").symlink_to(release)
    (paths.ETC / "configs/c").mkdir(parents=True)
    (paths.ETC / "current").symlink_to(paths.ETC / "configs/c")
    (paths.ETC / "host.env").write_text("DASH_APP_COLOR=blue\n", encoding="utf-8")
    (paths.ETC / "current/app.env").write_text("DASH_APP_LOG_LEVEL=info\n", encoding="utf-8")
    return release


def app(run_module: Any, **more: Any) -> dict[str, Any]:
    params = {"version": "0.1.0", "argv": ["migrate", "--json"], **more}
    done: dict[str, Any] = run_module("release_app", **params)
    return done


def test_the_words_for_systemd(release: Path) -> None:
    run = transient.Run(
        argv=["migrate", "--json"],
        version="0.1.0",
        credentials={"db_password": "/etc/dash/credentials/db_owner_password"},
        timeout=60,
    )

    assert transient.command(run, [Path("/a.env"), Path("/b.env")]) == [
        "systemd-run",
        "--quiet",
        "--pipe",
        "--wait",
        "--collect",
        "--uid=dash",
        f"--property=WorkingDirectory={release}",
        "--property=RuntimeMaxSec=60",
        "--property=ProtectSystem=strict",
        "--property=PrivateTmp=yes",
        "--property=NoNewPrivileges=yes",
        "--property=EnvironmentFile=/a.env",
        "--property=EnvironmentFile=/b.env",
        "--property=LoadCredential=db_password:/etc/dash/credentials/db_owner_password",
        f"{release}/venv/bin/python",
        "-m",
        "app",
        "migrate",
        "--json",
    ]


def test_an_empty_version_is_the_current_release(run_module: Any, programs: Programs) -> None:
    app(run_module, version="")

    words = programs.calls("systemd-run")[0]
    assert f"{paths.OPT}/current/venv/bin/python" in words


def test_a_setting_of_this_run_comes_last_and_wins(
    run_module: Any, programs: Programs, tmp_path: Path
) -> None:
    programs.have("systemd-run", SHOW.replace("LOG", str(tmp_path / "env")))

    done = app(run_module, environment={"DASH_APP_DATABASE_USER": "dash_owner", "DASH_APP_X": 7})

    assert done["document"] == {"applied": ["0001"]}
    assert (tmp_path / "env").read_text(encoding="utf-8").splitlines() == [
        "DASH_APP_COLOR=blue",
        "DASH_APP_LOG_LEVEL=info",
        'DASH_APP_DATABASE_USER="dash_owner"',
        'DASH_APP_X="7"',
    ]


def test_another_configuration_takes_the_place_of_the_current_one(
    run_module: Any, programs: Programs, tmp_path: Path
) -> None:
    programs.have("systemd-run", SHOW.replace("LOG", str(tmp_path / "env")))

    app(run_module, config="DASH_APP_LOG_LEVEL=debug\n")

    assert (tmp_path / "env").read_text(encoding="utf-8").splitlines() == [
        "DASH_APP_COLOR=blue",
        "DASH_APP_LOG_LEVEL=debug",
    ]


def test_no_setting_is_among_the_words(run_module: Any, programs: Programs) -> None:
    """Words are seen by everybody who lists processes."""
    app(run_module, environment={"DASH_APP_X": "hidden"}, config="DASH_APP_Y=hidden\n")

    assert not [w for w in programs.calls("systemd-run")[0] if "hidden" in w]


def test_values_are_quoted_for_systemd() -> None:
    text = transient.environment_text({"A": 'a b"c\\d$e`f#'})

    assert text == 'A="a b\\"c\\\\d\\$e\\`f#"\n'
    with pytest.raises(Fault, match="B has more than one line"):
        transient.environment_text({"B": "1\nC=2"})


@pytest.mark.parametrize(
    ("fence", "changed"),
    [(7, True), (None, False)],
)
def test_what_has_a_fencing_number_changes_something(
    run_module: Any, fence: int | None, changed: bool
) -> None:
    more = {} if fence is None else {"fence": fence}

    assert app(run_module, **more)["changed"] is changed


def test_a_failure_is_its_last_line_without_secrets_and_with_its_document(
    run_module: Any, programs: Programs
) -> None:
    programs.have(
        "systemd-run",
        """echo '{"held": 1}'; echo first >&2; echo 'no: password=hunter2' >&2; exit 1""",
    )

    failed = app(run_module)

    assert failed["failed"]
    assert (failed["msg"], failed["rc"], failed["document"]) == ("no: password=***", 1, {"held": 1})


def test_a_code_that_is_expected_is_no_failure(run_module: Any, programs: Programs) -> None:
    programs.have("systemd-run", "echo 'a word'; echo complaint >&2; exit 4")

    done = app(run_module, ok_codes=[0, 4])

    assert (done["rc"], done["stdout"], done["stderr"]) == (4, "a word\n", "complaint\n")
    assert done["document"] == {}


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (243, "python -m app ended with 243: systemd could not start it"),
        (1, "python -m app ended with 1: it said nothing"),
    ],
)
def test_silence_is_explained(run_module: Any, programs: Programs, code: int, says: str) -> None:
    programs.have("systemd-run", f"exit {code}")

    assert app(run_module)["msg"] == says


@pytest.mark.parametrize("last", ["[1]", "no json", ""])
def test_output_that_is_no_object_is_no_document(last: str) -> None:
    assert transient.Done(0, f"{json.dumps({'a': 1})}\n{last}\n" if last else "", "").document == {}


@pytest.mark.parametrize("margin", [0.0, 30.0])
def test_what_takes_too_long_is_ended_and_said_so(
    run_module: Any, programs: Programs, monkeypatch: pytest.MonkeyPatch, margin: float
) -> None:
    """The unit is ended by systemd; a systemd that does not is not waited for either."""
    monkeypatch.setattr(transient, "MARGIN", margin)
    programs.have("systemd-run", "sleep 1; exit 1" if margin else "exec sleep 10")

    failed = app(run_module, timeout=0.5)

    assert failed["msg"] == "python -m app migrate took more than 0 s"
    assert failed["rc"] == -1


@pytest.mark.parametrize(
    ("version", "says"),
    [("9.9.9", "release 9.9.9 is not on this host"), ("", "a current release is not on this")],
)
def test_a_release_that_is_not_there_is_one_line(
    run_module: Any, version: str, says: str, release: Path
) -> None:
    (release / "venv/bin/python").unlink()

    assert says in app(run_module, version=version)["msg"]
