"""Releases under fire: variants, a controller that dies, and what settles the rest."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from chaos import release, slo
from chaos.client import WorldError
from chaos.release import actions
from chaos.release import probes as releases
from chaos.slo import probes as budgets
from tests.unit.chaos.world import World, opened

BUILDER = """#!/bin/sh
[ "$2" = ops.artifact ] || exit 9
echo '{"path": "x.tar.zst"}'
"""


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with an app, a `dash` that a test writes, and a builder that builds nothing."""
    for module in (release, actions):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "requirements").mkdir()
    (tmp_path / "logs").mkdir()
    (tmp_path / "app" / "__init__.py").write_text('__version__ = "1"\n')
    (tmp_path / "app" / "__main__.py").write_text(f'"""Main."""\n\n{release.FIRST}\nimport os\n')
    script(tmp_path / "python", BUILDER)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_a_variant_differs_from_the_checkout_and_from_the_one_before(checkout: Path) -> None:
    built = release.variant(checkout / "v", bad=False)
    first = (checkout / "v" / "source" / "app" / "__init__.py").read_text()
    release.variant(checkout / "v", bad=False)

    assert built == checkout / "v" / "x.tar.zst"
    assert first != (checkout / "v" / "source" / "app" / "__init__.py").read_text()
    main = (checkout / "v" / "source" / "app" / "__main__.py").read_text()
    assert main == (checkout / "app" / "__main__.py").read_text()


def test_a_bad_variant_is_python_that_answers_no_request(checkout: Path) -> None:
    release.variant(checkout / "v", bad=True)
    main = (checkout / "v" / "source" / "app" / "__main__.py").read_text()
    compile(main, "main", "exec")
    assert "this release answers no request" in main


def test_a_variant_that_cannot_be_built_says_why(checkout: Path) -> None:
    script(checkout / "python", "#!/bin/sh\necho 'no room on the disk' >&2\nexit 1\n")
    with pytest.raises(WorldError, match="no release could be built: no room on the disk"):
        release.variant(checkout / "v", bad=False)


def test_how_a_release_ended_is_kept_for_the_probe(checkout: Path) -> None:
    script(checkout / "dash", '#!/bin/sh\necho "$@" >>words\necho refused\nexit 1\n')
    with opened(checkout) as (run, world):
        assert actions.deploy(bad=True) == {"exit_code": 1, "line": "refused"}
        assert releases.exit_code() == 1
        assert [fault.undo for fault in run.journal.read()] == ["chaos.release.actions:recover"]
        actions.recover()
        assert run.journal.read() == []

    assert "deploy --artifact" in (checkout / "words").read_text()
    assert [host for host, _ in world.scripts] == ["edge-1"], "no operation was open"


def test_a_host_loses_its_power_when_a_release_comes_to_it_and_the_fault_is_that(
    checkout: Path,
) -> None:
    script(
        checkout / "dash",
        '#!/bin/sh\nprintf \'{"t": 9999999999, "step": "5 stage | x"}\\n\' >logs/x.events\n'
        "echo unreachable\nexit 1\n",
    )
    with opened(checkout) as (run, world):
        assert actions.deploy_and_lose("idle-1") == {"exit_code": 1, "line": "unreachable"}
        undos = {fault.undo: fault.at for fault in run.faults}
        assert releases.exit_code() == 1

    assert world.commands == [("kill", "-s", "KILL", "dash-lab-app-green-1")]
    assert list(undos) == ["chaos.release.actions:recover", "chaos.host.actions:start"]
    assert run.began == undos["chaos.host.actions:start"], "the release is no fault"


def alive(pid: int) -> bool:
    """Tell whether a process runs: one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_controller_is_killed_with_all_it_started_when_it_comes_to_the_step(
    checkout: Path,
) -> None:
    script(
        checkout / "dash",
        # In a session of its own, as ansible-playbook is. The step last: it is killed as soon as
        # that can be read.
        "#!/bin/sh\nsetsid sh -c 'echo $$ >child; sleep 60' &\n"
        "until [ -s child ]; do sleep 0.01; done\n"
        'printf \'{"t": 9999999999, "step": "7 switch | x"}\\n\' >logs/x.events\nwait\n',
    )
    with opened(checkout) as (_, world):
        world.says = '{"state": "begun"}'
        actions.deploy_and_die()
    child = int((checkout / "child").read_text())
    end = time.monotonic() + 10  # a signal is there at once, its end when it has the processor
    while alive(child) and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive(child)
    assert os.getpid() != child


def test_a_release_that_was_over_before_its_controller_died_proves_nothing(checkout: Path) -> None:
    script(
        checkout / "dash",
        "#!/bin/sh\n"
        'printf \'{"t": 9999999999, "step": "7 switch | x"}\\n\' >logs/x.events\nsleep 9\n',
    )
    with opened(checkout), pytest.raises(WorldError, match="nothing was left open at 7 switch"):
        actions.deploy_and_die()


def test_a_release_that_ends_before_the_step_is_told(checkout: Path) -> None:
    script(checkout / "dash", "#!/bin/sh\necho 'the lease is held'\nexit 1\n")
    with (
        opened(checkout),
        pytest.raises(WorldError, match="did not come to 7 switch: the lease is held"),
    ):
        actions.deploy_and_die()


@pytest.mark.parametrize("code", [0, 1])
def test_an_operation_that_stays_open_is_not_undone(checkout: Path, code: int) -> None:
    """Whatever the command said that was to settle it."""
    script(checkout / "dash", f"#!/bin/sh\necho 'the edge does not answer'\nexit {code}\n")
    with opened(checkout) as (_, world):
        world.says = json.dumps({"state": "begun"})
        with pytest.raises(WorldError, match="still open: the edge does not answer"):
            actions.recover()


def test_a_run_that_was_refused_settles_nothing(checkout: Path) -> None:
    actions.recover()
    assert not (checkout / "words").exists()


def test_the_budget_s_share_follows_from_the_objective_and_the_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = 0.001 * 40 * 30 * 86400
    assert slo.burned_by({"failed": allowed / 4}, 40) == pytest.approx(0.25)
    assert budgets.budget_burned() == 0, "no run is open"
    with opened(tmp_path) as (_, world):
        assert budgets.budget_burned() == 0, "no traffic yet"
        world.samples = [({"slo": "availability"}, 0.3)]
        assert budgets.error_ratio() == 0.3
        monkeypatch.setattr(World, "query", lambda *_: [])
        assert budgets.error_ratio() == 0


def test_a_process_killed_under_a_release_is_the_fault_that_seconds_count_from(
    checkout: Path,
) -> None:
    script(
        checkout / "dash",
        '#!/bin/sh\nprintf \'{"t": 9999999999, "step": "6 prove | x"}\\n\' >logs/x.events\n'
        "sleep 0.3\necho done\n",
    )
    with opened(checkout) as (run, world):
        actions.deploy(during="serving-1")
        assert run.began is not None
        assert run.began > run.notes["since"]
    assert ("app-blue-1", actions.KILL) in world.scripts
