"""Which release an app host runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import activation, paths, service
from ansible_collections.dash.platform.plugins.module_utils.releases import Host
from tests.integration.platform.fake_programs import Programs
from tests.integration.platform.fake_service import FakeService

CONFIG = "DASH_APP_LOG_LEVEL=info\n"
OTHER = "DASH_APP_LOG_LEVEL=debug\n"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(name="running")
def _running(monkeypatch: pytest.MonkeyPatch, programs: Programs) -> Iterator[FakeService]:
    """Two whole releases on a host whose service always gets ready."""
    programs.have("systemctl", 'case "$1" in is-active) echo active;; show) echo 0;; esac')
    monkeypatch.setattr(service, "POLL", 0.02)
    for version in ("0.1.0", "0.2.0"):
        release = paths.OPT / "releases" / version
        (release / "venv/bin").mkdir(parents=True)
        (release / "venv/bin/python").touch()
        (release / ".complete").write_text(sha(version) + "\n", encoding="ascii")
    with FakeService(version="") as running:
        monkeypatch.setattr(service, "PORT", running.port)
        yield running


def start(run_module: Any, version: str, config: str = CONFIG, **more: Any) -> dict[str, Any]:
    params = {"version": version, "config": config, "config_hash": sha(config), "fence": 1}
    done: dict[str, Any] = run_module("release_activate", timeout=0.3, **{**params, **more})
    return done


def restarts(programs: Programs) -> int:
    return sum(words[0] == "restart" for words in programs.calls("systemctl"))


def test_a_release_is_started_with_its_configuration(
    running: FakeService, run_module: Any, programs: Programs
) -> None:
    done = start(run_module, "0.1.0")

    assert done == {"changed": True, "previous": None}
    assert running.asked == 1
    assert restarts(programs) == 1
    assert (paths.OPT / "current").readlink() == paths.OPT / "releases/0.1.0"
    assert (paths.ETC / "current/app.env").read_text(encoding="utf-8") == CONFIG


def test_what_runs_already_is_not_started_again(
    running: FakeService, run_module: Any, programs: Programs
) -> None:
    start(run_module, "0.1.0")

    again = start(run_module, "0.1.0")

    here = {"version": "0.1.0", "digest": sha("0.1.0"), "config_hash": sha(CONFIG)}
    assert again == {"changed": False, "previous": here}
    assert restarts(programs) == 1
    assert running.asked == 2


@pytest.mark.parametrize(("version", "config"), [("0.2.0", CONFIG), ("0.1.0", OTHER)])
@pytest.mark.usefixtures("running")
def test_another_release_or_configuration_is_a_restart(
    run_module: Any, programs: Programs, version: str, config: str
) -> None:
    start(run_module, "0.1.0")

    done = start(run_module, version, config)

    assert (done["changed"], done["previous"]["version"]) == (True, "0.1.0")
    assert restarts(programs) == 2


@pytest.mark.usefixtures("running")
def test_a_release_that_was_pointed_to_but_never_started_is_started(
    run_module: Any, programs: Programs
) -> None:
    """A run cut short between the links and the restart: the old release still answers."""
    start(run_module, "0.1.0")
    host = Host()
    host.configure(OTHER, sha(OTHER))
    host.point_to("0.2.0", sha(OTHER))
    (paths.OPT / ".activated.json").unlink()

    assert start(run_module, "0.2.0", OTHER)["changed"]
    assert restarts(programs) == 2


def test_a_release_that_does_not_answer_as_itself_is_started_again(
    running: FakeService, run_module: Any, programs: Programs
) -> None:
    start(run_module, "0.1.0")
    running.version = "0.0.9"

    failed = start(run_module, "0.1.0")

    assert restarts(programs) == 2
    assert "is held by version 0.0.9" in failed["msg"]


def test_a_release_that_does_not_get_ready_fails_with_its_checks(
    running: FakeService, run_module: Any
) -> None:
    running.status, running.checks = 503, {"schema": "0002 is missing"}

    failed = start(run_module, "0.1.0")

    assert failed["failed"]
    assert "/readyz answers 503 (schema: 0002 is missing)" in failed["msg"]
    assert failed["checks"] == {"schema": "0002 is missing"}


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"version": "9.9.9"}, "release 9.9.9 is not on this host"),
        ({"config_hash": "f" * 64}, "does not have the hash ffffffffffff"),
        ({"config": "", "config_hash": "f" * 64}, "configuration ffffffffffff is not on this"),
    ],
)
@pytest.mark.usefixtures("running")
def test_what_is_not_there_changes_nothing(
    run_module: Any, programs: Programs, params: dict[str, str], says: str
) -> None:
    start(run_module, "0.1.0")

    failed = start(run_module, **{"version": "0.2.0", **params})

    assert says in failed["msg"]
    assert (Host().current() or {})["version"] == "0.1.0"
    assert restarts(programs) == 1


@pytest.mark.usefixtures("running")
def test_a_kept_configuration_need_not_be_told_again(run_module: Any) -> None:
    start(run_module, "0.1.0")
    start(run_module, "0.2.0", OTHER)

    back = start(run_module, "0.1.0", config="", config_hash=sha(CONFIG))

    assert back["changed"]
    assert (paths.ETC / "current/app.env").read_text(encoding="utf-8") == CONFIG


@pytest.mark.usefixtures("running")
def test_an_empty_version_stops_and_leaves_nothing_current(
    run_module: Any, programs: Programs
) -> None:
    start(run_module, "0.1.0")

    done = run_module("release_activate", version="", fence=1)

    assert (done["changed"], done["previous"]["version"]) == (True, "0.1.0")
    assert ["stop", service.UNIT] in programs.calls("systemctl")
    assert Host().current() is None
    assert not activation._marker(Host()).exists()
    programs.have("systemctl", 'case "$1" in is-active) echo inactive; exit 3;; esac')
    assert not run_module("release_activate", version="", fence=1)["changed"]


def test_the_marker_says_what_was_started(running: FakeService, run_module: Any) -> None:
    start(run_module, "0.1.0")
    assert running.asked == 1

    text = (paths.OPT / ".activated.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"version": "0.1.0", "config_hash": sha(CONFIG)}
