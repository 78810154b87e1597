"""What each pair of levers does to a host, and that its undo undoes it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from chaos import runbook
from chaos.alerts import Watch
from chaos.alerts import probes as alerts
from chaos.certificate import actions as certificate
from chaos.client import Alert, Reply, Silent, WorldError
from chaos.clock import actions as clock
from chaos.clock import probes as clocks
from chaos.edge import actions as edge
from chaos.host import actions as host
from chaos.logs import actions as logs
from chaos.notifications import actions as notices
from chaos.provider import actions as provider
from chaos.provider import probes as models
from chaos.release import actions as release
from chaos.release import probes as releases
from chaos.release import step_begun
from chaos.rules import actions as rules
from chaos.runbook import actions as following
from chaos.traffic import Traffic, absent, lately
from chaos.traffic import probes as traffic
from chaos.unit import actions as unit
from chaos.unit import probes as units
from tests.unit.chaos.world import World, opened


def _remove(name: str) -> Callable[[str], None]:
    return lambda host: rules.remove(name, host)


def _right(host: str) -> None:
    edge.put_right(host, "serving")


PAIRS: list[tuple[Callable[..., Any], Callable[..., Any], dict[str, Any], str, str]] = [
    (unit.stop, unit.start, {}, "systemctl stop dash-app.service", "systemctl start"),
    (unit.kill, unit.start, {}, "--kill-whom=main --signal=KILL dash-app", "systemctl start"),
    (unit.freeze, unit.thaw, {}, "--signal=STOP dash-app.service", "--signal=CONT dash-app"),
    (unit.keep_killing, unit.spare, {}, "while sleep 0.5", "systemctl stop dash-chaos-killer"),
    (unit.take_memory, unit.give_memory, {"megabytes": 20}, "MemoryMax=20M", "50-MemoryMax.conf"),
    (unit.take_descriptors, unit.give_descriptors, {}, "--nofile=3:", "--nofile=$hard:"),
    (unit.flood, unit.hush, {}, "seq -f 'flood %.0f' 200000", "systemctl stop dash-chaos-flood"),
    (certificate.bring, certificate.take_away, {"days": 2}, "-days 2", "rm -f /etc/dash/chaos-"),
    (clock.skew, clock.set_right, {"seconds": -90}, "FAKETIME=-90s", "daemon-reload; systemctl"),
    (logs.lose, logs.read_again, {}, "journalctl --vacuum-time=1us", "start dash-journal"),
    (logs.say_much, logs.be_quiet, {"letters": 3}, "'xxx %.0f' 8000", "dash-chaos-speaker.service"),
    (logs.send_old, logs.send_no_more, {}, "60 days ago", "stop dash-chaos-old-lines.service"),
    (notices.add_deaf, notices.forget_deaf, {}, "receiver: chaos-deaf", "alertmanager.yml.kept /"),
    (rules.add_failing, _remove("failing"), {}, "up * on (job) up", "rm /etc/prometheus/rules.d"),
    (rules.add_unreadable, _remove("unreadable"), {}, "'1 +'", "rules.d/chaos_unreadable.yml"),
    (edge.write_elsewhere, _right, {}, "echo 'active green' >", "set map /etc/haproxy/maps"),
    (edge.send_elsewhere, _right, {}, "active.map active green'", "active.map active blue'"),
    (release.change_settings, release.restore_settings, {}, "# by hand", "mv /etc/dash/current"),
    (unit.fail, unit.forget, {}, "--unit=dash-chaos-failed /bin/false", "reset-failed"),
]


@pytest.mark.parametrize(("do", "undo", "more", "done", "undone"), PAIRS)
def test_a_unit_is_broken_and_mended_on_its_host(
    tmp_path: Path, do: Callable[..., Any], undo: Callable[..., Any], more: dict[str, Any], *,
    done: str, undone: str,
) -> None:  # fmt: skip
    with opened(tmp_path) as (run, world):
        do("serving-1", **more)
        (fault,) = run.faults
        undo("serving-1")
        left = run.journal.read()

    armed, made, mended = (script for _, script in world.scripts)
    assert {name for name, _ in world.scripts} == {"app-blue-1"}
    assert undone in armed
    assert done in made
    assert undone in mended
    assert (left, list(run.undone)) == ([], [fault.id])
    for script in (armed, made, mended):
        subprocess.run(["/bin/bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("do", "undo", "words"),
    [
        (host.kill, host.start, ("kill", "-s", "KILL", "dash-lab-db-1")),
        (host.reboot, host.start, ("restart", "-t", "10", "dash-lab-db-1")),
        (host.pause, host.unpause, ("pause", "dash-lab-db-1")),
    ],
)
def test_a_host_is_broken_and_mended_as_a_container(
    tmp_path: Path, do: Callable[[str], None], undo: Callable[[str], None], words: tuple[str, ...]
) -> None:
    with opened(tmp_path) as (run, world):
        do("db-1")
        world.says = "paused"
        undo("db-1")
        assert run.journal.read() == []

    assert world.commands[0] == words
    assert world.scripts == []
    assert ("start", "dash-lab-db-1") in world.commands or world.commands[-1][0] == "unpause"


def test_a_host_that_is_not_frozen_is_not_thawed(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, world):
        world.says = "running"
        host.unpause("db-1")
    assert [words[0] for words in world.commands] == ["inspect"]


@pytest.fixture(name="asked")
def _asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statuses that the model answers with, one after the other; the last stays."""
    statuses = [200]

    def request(_self: World, _path: str, _document: object = None, **_: object) -> Reply:
        return Reply(status=statuses.pop(0) if len(statuses) > 1 else statuses[0], seconds=0.1)

    monkeypatch.setattr(World, "request", request)
    return statuses


@pytest.mark.usefixtures("asked")
def test_each_fault_of_the_simulator_is_tried_and_the_worst_is_named(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as (run, world):
        world.says = '{"openai": {"total": 7}}'
        found = provider.each_fault("openai", times=1)
        with pytest.raises(WorldError, match="no call met it, so nothing is known of it"):
            models.worst_fault()
        for each in run.notes["faults"].values():
            each["met"] = 1
        assert models.worst_fault() == 1
        run.notes["faults"]["cut"]["good"] = 0
        with pytest.raises(WorldError, match="cut: 0 of 1 calls answered"):
            models.worst_fault()
        provider.mend_provider("openai")
        assert run.journal.read() == []

    documented = Path("docs/reference/simulator.md").read_text("utf-8")
    assert set(found) == {fault["kind"] for fault in provider.FAULTS}
    assert all(f"`{kind}`" in documented for kind in found)
    assert "PUT http://127.0.0.1:9100/faults/openai" in world.scripts[1][1]
    assert world.commands[0] == ("dash", "llm", "close", "openai/gpt")
    assert "DELETE http://127.0.0.1:9100/faults/openai" in world.scripts[-1][1]


def test_the_share_of_good_answers_is_counted(tmp_path: Path, asked: list[int]) -> None:
    asked[:] = [200, 503, 200]
    with opened(tmp_path):
        assert models.answered(times=4) == 0.75
        assert models.model_answers() == 200


def test_what_systemd_says_is_read(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, world):
        world.says = "3\n"
        assert (units.state("db-1", "x"), units.restarts("db-1", "x")) == ("3", 3)
        assert clocks.ahead("serving-1") == 3
        assert "http://10.0.0.1:8000/healthz" in world.scripts[-1][1]
        world.says = "begun"
        assert releases.open_operation() == "begun"
        assert releases.exit_code() == -1


def test_alerts_are_timed_from_when_they_are_seen_to_when_they_are_gone() -> None:
    now = [100.0]
    told: list[Alert] = []
    watch = Watch(lambda: told, lambda: now[0])
    watch.once()
    told.append(Alert(name="AppDown", labels={"host": "a"}, started=1))
    now[0] = 120.0
    watch.once()
    assert not watch.over(["AppDown"])
    told.clear()
    now[0] = 130.0
    watch.once()

    told.append(Alert(name="AppDown", labels={"host": "b"}, started=2))
    now[0] = 140.0
    watch.once()
    assert not watch.over(["AppDown"]), "it is told once more"
    told.clear()
    now[0] = 130.0
    watch.once()

    assert watch.over(["AppDown", "Other"])
    assert watch.labels["AppDown"] == {"host": "a"}, "of the first"
    assert watch.document("AppDown", 100.5) == {
        "name": "AppDown", "fired": 120.0, "resolved": 130.0, "detection_seconds": 19.5,
    }  # fmt: skip
    assert watch.document("AppDown", 125.0)["detection_seconds"] is None, "it was told before"
    assert watch.document("Other", 100.0)["fired"] is None
    assert (watch.others([], 100.5), watch.others(["AppDown"], 1)) == ({"AppDown": 19.5}, {})


def test_a_monitor_that_is_silent_ends_no_alert() -> None:
    def silent() -> list[Alert]:
        raise Silent("gone")

    watch = Watch(silent)
    watch.fired["AppDown"] = 1.0
    watch.once()
    assert (watch.silent, watch.resolved) == (1, {})


def test_an_alert_is_waited_for_and_what_was_told_instead_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as (run, world):
        with pytest.raises(WorldError, match="AppDown cannot fire: nothing is broken"):
            alerts.fired("AppDown", 1)
        unit.stop("serving-1")
        run.watch = Watch(world.alerts)
        run.watch.fired["HostDown"] = run.faults[0].at + 5
        assert alerts.fired("HostDown", 0) == 5
        with pytest.raises(WorldError, match=r"AppDown was not told within 0 s \(HostDown was\)"):
            alerts.fired("AppDown", 0)
        with pytest.raises(WorldError, match="HostDown is still told"):
            alerts.over("HostDown", 0)
        run.watch.resolved["HostDown"] = 1.0
        assert alerts.over("HostDown", 0) == 0


def seconds(*failed: int) -> dict[str, Any]:
    rows = [{"t": 100 + n, "n": 10, "failed": bad} for n, bad in enumerate(failed)]
    return {"seconds": rows, "lost_seconds": [{"t": 101, "socket": 2, "stream": 1}]}


def test_bad_answers_and_losses_of_the_last_whole_seconds_are_counted() -> None:
    assert lately(seconds(0, 4, 1), 3, 103.9) == (30, 8)
    assert lately(seconds(0, 4, 1), 1, 103.9) == (10, 1)
    assert lately({}, 5, 103.9) == (0, 0)


def test_traffic_is_there_when_every_kind_was_answered() -> None:
    report: dict[str, Any] = {
        "by_kind": {"post": {"n": 3, "failed": 1}, "fresh": {"n": 1, "failed": 1}},
        "sockets": {"open": {"blue": 10}}, "streams": {"n": 0}, "not_judged": {"GET /x": "503"},
    }  # fmt: skip
    assert absent(report) == ["fresh", "streams", "GET /x"]
    assert absent({}) == ["anything"]
    report["by_kind"]["fresh"]["n"] = 2
    assert absent({**report, "streams": {"n": 1}, "not_judged": {}}) == []


def test_nothing_answered_is_as_bad_as_it_gets(tmp_path: Path) -> None:
    with opened(tmp_path):
        assert traffic.bad_share() == 1.0
        with pytest.raises(WorldError, match="answers are still bad 0 s on"):
            traffic.good_again(0)


def test_an_edge_that_says_nothing_takes_all_the_time_there_is(
    tmp_path: Path, asked: list[int]
) -> None:
    asked[:] = [503, 0]
    with opened(tmp_path):
        assert (traffic.edge_answers(5), traffic.edge_answers(5)) == (0.1, 5)


def test_own_traffic_that_cannot_run_says_why(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    with opened(tmp_path, dash_public_url="https://127.0.0.1:1") as (run, _):
        started = Traffic.start(run.client.stack, tmp_path)
        with pytest.raises(WorldError, match="own traffic does not run: --ca "):
            started.ready(20)
        assert started.stop() == {}


def page(folder: Path, text: str) -> None:
    (folder / "docs" / "runbooks").mkdir(parents=True)
    (folder / "docs" / "runbooks" / "AppDown.md").write_text(text)


def test_a_runbook_s_commands_are_run_for_the_host_of_the_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (runbook, following):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    page(tmp_path, "# AppDown\n\n```sh mend\necho HOST UNIT >>log\n```\n")
    with opened(tmp_path) as (run, world):
        run.watch = Watch(world.alerts)
        run.watch.labels["AppDown"] = {"host": "app-blue-1", "name": "x.service"}
        with pytest.raises(WorldError, match=r"echo app-blue-1 x\.service >>log: AppDown is still"):
            following.follow("AppDown", 0)
        assert run.notes["runbook"]["mended"] is False

    assert (tmp_path / "log").read_text() == "app-blue-1 x.service\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing", "has no block"),
        ("```sh mend\n\n```\n", "has no block"),
        ("```sh mend\nssh HOST\n```\n", "names HOST, which the alert does not tell"),
    ],
)
def test_a_runbook_that_cannot_be_run_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(runbook, "ROOT", tmp_path)
    page(tmp_path, text)
    with pytest.raises(WorldError, match=said):
        runbook.commands("AppDown", {})


def test_a_step_of_a_release_is_known_by_its_events(tmp_path: Path) -> None:
    (tmp_path / "a.events").write_text('{"t": 5, "step": "7 switch | x"}\n{"t": 6, "st')
    assert step_begun(tmp_path, 4, "7 switch")
    assert not step_begun(tmp_path, 5.5, "7 switch")
    assert not step_begun(tmp_path, 4, "8 watch")


def test_a_limit_is_lowered_in_a_copy_of_the_real_rule(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, world):
        rules.lower("SeriesMany", 50000, 100)
        rules.remove("SeriesMany")

    script = world.scripts[1][1]
    text = script.split("<<'END-OF-RULES'\n")[1].split("END-OF-RULES")[0]
    (group,) = yaml.safe_load(text)["groups"]
    (rule,) = group["rules"]
    assert rule["expr"] == "prometheus_tsdb_head_series > 100"
    assert (rule["alert"], rule["labels"]["scaled"]) == ("SeriesMany", "50000 to 100")
    assert rule["for"] == "1m"


@pytest.mark.parametrize(
    ("alert", "limit", "said"),
    [
        ("Moon", 1, "monitoring/rules have no alert Moon"),
        ("SeriesMany", 4, "does not have the limit 4 once: prometheus_tsdb_head_series > 50000"),
    ],
)
def test_a_limit_that_is_not_there_is_not_lowered(
    tmp_path: Path, alert: str, limit: int, said: str
) -> None:
    with opened(tmp_path) as (_, world), pytest.raises(WorldError, match=said):
        rules.lower(alert, limit, 1)
    assert world.scripts == []
