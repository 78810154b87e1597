"""Break releases: a controller that dies, a release that is bad, a fault in the middle of one."""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil

from chaos import levers, release, running
from chaos.client import ROOT, WorldError
from chaos.host import actions as hosts

if TYPE_CHECKING:
    from chaos.running import Running

__all__ = [
    "change_settings", "deploy", "deploy_and_die", "deploy_and_lose", "recover", "restore_settings",
]  # fmt: skip

WHOLE = 600.0  # seconds for one release
KILL = "systemctl kill --kill-whom=main --signal=KILL dash-app.service"
SETTINGS = "/etc/dash/current/app.env"
WATCH = 5  # seconds of the watch window: own traffic goes on anyway


def deploy(bad: bool = False, during: str = "") -> dict[str, Any]:  # noqa: FBT001, FBT002 -- from YAML
    """Release a variant of this checkout; return how that ended.

    Args:
        bad: one that answers no request.
        during: a host whose service is killed once the release is being proved.
    """
    run = running.current()
    process = _start(run, bad=bad, what="a release is under way")
    if during:
        _wait(run, process, "6 prove")
        host = run.host(during)
        run.faults[-1] = replace(run.faults[-1], at=time.time())  # the release is no fault, this is
        run.client.sh(host, KILL)
    return _ended(run, process)


def deploy_and_lose(host: str, step: str = "5 stage") -> dict[str, Any]:
    """Release a variant, and take a host's power away when it comes to a step.

    The power is given back by `chaos.host.actions: start`.
    """
    run = running.current()
    process = _start(run, bad=False, what="a release is under way")
    _wait(run, process, step)
    hosts.kill(host)
    run.faults[-2] = replace(run.faults[-2], at=run.faults[-1].at)  # the release is no fault
    return _ended(run, process)


def deploy_and_die(step: str = "7 switch") -> None:
    """Release a variant, and kill the controller with all it started when it comes to a step.

    Raises:
        WorldError: the release did not come to it, or was over before its controller was dead.
    """
    run = running.current()
    process = _start(run, bad=False, what=f"a release whose controller died at {step}")
    _wait(run, process, step)
    _kill_all(psutil.Process(process.pid))
    process.communicate(timeout=WHOLE)
    if not _open(run):
        raise WorldError(
            f"nothing was left open at {step}: the release was over before it was dead"
        )


def change_settings(host: str) -> None:
    """Start a host's service with settings that no release recorded."""
    host = running.current().host(host)
    levers.do(
        restore_settings, {"host": host}, what=f"{host} with settings nobody recorded", host=host,
        mend=_restore_settings(),
        script=f"cp -p {SETTINGS} {SETTINGS}.kept\necho '# by hand' >> {SETTINGS}\n"
        "systemctl restart dash-app",
    )  # fmt: skip


def restore_settings(host: str) -> None:
    """Start it with the settings again that were recorded."""
    levers.undo_on(host, restore_settings, _restore_settings())


def _restore_settings() -> str:
    return (
        f"if [ -e {SETTINGS}.kept ]; then mv {SETTINGS}.kept {SETTINGS}; "
        "systemctl restart dash-app; fi"
    )


def recover() -> None:
    """Have the next command finish or undo what is open: ./dash status looks, abort settles."""
    if (run := running.opened()) is None:
        return
    levers.undo(recover, {}, act=lambda: _abort(run))


def _abort(run: Running) -> None:
    """Undo an open operation; where none is open there is nothing to do."""
    if not _open(run):
        return
    done = subprocess.run(
        ["./dash", "--yes", "abort"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=WHOLE,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if _open(run):
        said = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
        raise WorldError(f"an operation is still open: {said[-1]}")


def _open(run: Running) -> bool:
    """Tell whether an edge has an open operation."""
    found = run.client.sh("edge-1", "cat /var/lib/dash/edge/operation.json 2>/dev/null || true")
    return bool(found.strip())


def _kill_all(process: psutil.Process) -> None:
    """Kill a program and all it started, whatever group they put themselves into: a power cut.

    What is started while others die has no parent by then, or is found by the next look.
    """
    while found := [each for each in _tree(process) if each.status() != psutil.STATUS_ZOMBIE]:
        for each in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(found[1:], timeout=1)


def _tree(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _start(run: Running, *, bad: bool, what: str) -> subprocess.Popen[str]:
    artifact = release.variant(run.client.stack.directory / "chaos" / "variant", bad=bad)
    run.notes["since"] = time.time()
    words = ["--yes", "deploy", "--artifact", str(artifact), "--watch", str(WATCH), "--force"]
    started: list[subprocess.Popen[str]] = []

    def act() -> None:
        started.append(
            subprocess.Popen(
                ["./dash", *words], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )
        )  # fmt: skip

    levers.do(recover, {}, what=what, act=act)
    return started[0]


def _ended(run: Running, process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return how a release ended, and keep it for the probe."""
    output, _ = process.communicate(timeout=WHOLE)
    said = output.strip().splitlines() or [""]
    found = {"exit_code": process.returncode, "line": said[-1]}
    run.notes["release"] = found
    return found


def _wait(run: Running, process: subprocess.Popen[str], step: str) -> None:
    """Wait until the release comes to a step. Raises WorldError: it ended before."""
    logs, end = run.client.stack.directory / "logs", time.monotonic() + WHOLE
    while not release.step_begun(logs, run.notes["since"], step):
        if process.poll() is not None or time.monotonic() > end:
            said = process.communicate()[0].strip().splitlines() or [""]
            raise WorldError(f"the release did not come to {step}: {said[-1]}")
        time.sleep(0.1)
