"""One line a step on the terminal: what ran, how long it took, how long it took last time."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.dash.platform.plugins.module_utils.stack import addressed

if TYPE_CHECKING:
    from ansible.executor.stats import AggregateStats
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.inventory.host import Host
    from ansible.playbook import Playbook
    from ansible.playbook.play import Play
    from ansible.playbook.task import Task

DOCUMENTATION = """
name: progress
type: stdout
short_description: One line a step, with its time
description:
  - A step is what stands before C( | ) in a task's name. Consecutive tasks of a step are one line.
  - A step that fails says which task failed on which host, in one line.
options:
  timings:
    description: JSON file that remembers how long each step took; not kept when unset.
    type: path
    env:
      - name: ANSIBLE_DASH_TIMINGS
  events:
    description: File that gets one JSON document a line as tasks start and end; none when unset.
    type: path
    env:
      - name: ANSIBLE_DASH_EVENTS
"""

WIDTH = 26  # of the column of step names
LONGEST = 300  # characters of a message that are shown
MINUTE = 60
TENTHS = 10  # seconds up to which tenths are shown
OUTCOME = "dash.platform.outcome"
SAYS_NOTHING = re.compile("non-zero return code|MODULE FAILURE|deserialization failed")
SPEAKING = frozenset({"ansible.builtin.debug", "debug"})


def seconds(value: float) -> str:
    """Return a duration for people: `0.4 s`, `34 s`, `5 min 12 s`."""
    if value < TENTHS:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < MINUTE else f"{whole // MINUTE} min {whole % MINUTE:02d} s"


def split_name(name: str, role: str) -> tuple[str, str]:
    """Return step and task of a task's name.

    A numbered step ("6 prove") is one of a whole operation; any other belongs to its role.
    """
    step, bar, task = name.partition(" | ")
    if not bar:
        step, task = role or name, name
    elif role and not step[:1].isdigit():
        step = f"{role} · {step}"
    return step.strip(), task.strip()


def one_line(text: object) -> str:
    """Return the first line of a message that says something, shortened."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    line = lines[0] if lines else ""
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def message(result: dict[str, Any]) -> str:
    """Return in one line why a result failed; nothing of a censored one."""
    if "censored" in result:
        return "the output is hidden (no_log)"
    for item in result.get("results") or []:
        if isinstance(item, dict) and item.get("failed"):
            return message(item)
    said = one_line(result.get("msg") or "")
    trouble = str(result.get("stderr") or result.get("module_stderr") or "").strip()
    if trouble and (not said or SAYS_NOTHING.search(said)):
        last = one_line(trouble.splitlines()[-1])
        said = f"{said}: {last}" if said else last
    return said or one_line(result.get("reason") or "") or "it gave no reason"


@dataclass
class Step:
    """A step that runs."""

    name: str
    started: float
    last: float | None
    ran: bool = False
    changed: int = 0
    said: set[str] = field(default_factory=set)
    faults: dict[str, list[str]] = field(default_factory=dict)  # what → on which hosts

    def add_fault(self, host: str, what: str) -> None:
        """Note what failed on a host."""
        self.faults.setdefault(what, []).append(host)

    def line(self, mark: str, now: float, doing: str = "") -> str:
        """Return the step's line."""
        parts = [f"{mark} {self.name:<{WIDTH}} {seconds(now - self.started):>8}"]
        if self.last is not None:
            parts.append(f"(last time {seconds(self.last)})")
        if self.changed:
            parts.append(f"{self.changed} changed")
        if doing:
            parts.append(doing)
        return "  ".join(parts)


class Timings:
    """How long steps took last time, in a file that is shared with other programs."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._took: dict[str, float] = {}

    def _read(self) -> dict[str, Any]:
        if self._path is not None:
            with suppress(OSError, ValueError):
                found = json.loads(self._path.read_text(encoding="utf-8"))
                return found if isinstance(found, dict) else {}
        return {}

    def last(self, name: str) -> float | None:
        """Return the seconds that a step took last time, if known."""
        found = self._read().get(name)
        return float(found) if isinstance(found, int | float) else None

    def add(self, name: str, took: float) -> None:
        """Count a step's seconds; several stretches of one step add up."""
        self._took[name] = round(self._took.get(name, 0) + took, 1)

    def save(self) -> None:
        """Merge the seconds into the file; a file that cannot be written is no reason to fail."""
        if self._path is None or not self._took:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self._path.parent, prefix=".timings-", encoding="utf-8", delete=False
            ) as out:
                json.dump({**self._read(), **self._took}, out, indent=1, sort_keys=True)
                out.write("\n")
            Path(out.name).replace(self._path)


class CallbackModule(CallbackBase):
    """Shows steps as they end, and on a terminal as they run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "dash.platform.progress"

    def __init__(self) -> None:
        super().__init__()
        self._live = sys.stdout.isatty()
        self._playbook = "playbook"
        self._began = time.monotonic()
        self._step: Step | None = None
        self._stack = "lab"
        self._timings = Timings(None)
        self._events: Path | None = None

    def set_options(
        self, task_keys: object = None, var_options: object = None, direct: object = None
    ) -> None:
        """Take the options; Ansible calls this once."""
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        timings, events = self.get_option("timings"), self.get_option("events")
        self._timings = Timings(Path(timings) if timings else None)
        self._events = Path(events) if events else None

    # What Ansible tells

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Remember the playbook's name: timings are kept by it."""
        self._playbook = Path(str(playbook._file_name)).stem  # noqa: SLF001 -- no public name

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """End the step of the play before."""
        self._end_step()
        hosts = play.get_variable_manager()._inventory  # noqa: SLF001 -- no public name
        self._stack = str(hosts.groups["all"].get_vars().get("dash_stack", "lab"))
        self._event("", play.get_name().strip(), "", "play", "")

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Say that a play had nobody to run on."""
        self._show("- no host matches this play", None)

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:  # noqa: ARG002, FBT001 -- Ansible's signature
        """Begin the task's step unless it is the one that runs."""
        step, name = self._names(task)
        now = time.monotonic()
        if self._step is None or self._step.name != step:
            self._end_step()
            self._step = Step(step, now, self._timings.last(f"{self._playbook} | {step}"))
        self._event(step, name, "", "started", "")
        self._refresh(name)

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        """Handlers are tasks like others."""
        self.v2_playbook_on_task_start(task, is_conditional=False)

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Count what changed, and pass on what `debug` was told to say."""
        step = self._ran(result, "changed" if result.is_changed() else "ok")
        step.changed += result.is_changed()
        if result.task.action in SPEAKING and "censored" not in result.result:
            said = result.result.get("msg", "")
            text = "\n".join(map(str, said)) if isinstance(said, list) else str(said)
            if text not in step.said:  # every host says the same
                step.said.add(text)
                self._show(text, None)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002 -- Ansible's signature
        """Keep why it failed for the step's line."""
        what = message(result.result)
        step = self._ran(result, "ignored" if ignore_errors else "failed", what)
        # How an operation ended is the last line of all; its step did what it should.
        if not ignore_errors and result.task.action != OUTCOME:
            step.add_fault(result.host.get_name(), f"{self._names(result.task)[1]}: {what}")
        if self._display.verbosity and result.exception:
            self._handle_warnings_and_exception(result)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Keep that a host could not be reached for the step's line."""
        what = f"unreachable: {message(result.result)}"
        self._ran(result, "unreachable", what).add_fault(result.host.get_name(), what)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """A step that is skipped as a whole gets no line."""
        self._event(*self._names(result.task), result.host.get_name(), "skipped", "")

    def v2_runner_on_start(self, host: Host, task: Task) -> None:
        """Say on which host a task begins."""
        self._event(*self._names(task), host.get_name(), "running", "")

    def v2_runner_retry(self, result: CallbackTaskResult) -> None:
        """Show that a task waits for something."""
        name = self._names(result.task)[1]
        self._refresh(f"{name}, attempt {result.result.get('attempts', '?')}")

    def v2_on_file_diff(self, result: CallbackTaskResult) -> None:
        """Show differences when they were asked for with --diff."""
        if result.result.get("diff"):
            self._show(str(self._get_diff(result.result["diff"])).rstrip("\n"), None)

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Close the last step, remember the times, say what it came to."""
        self._end_step()
        took = time.monotonic() - self._began
        names = {"changed": stats.changed, "failed": stats.failures, "unreachable": stats.dark}
        counts = " ".join(f"{name}={sum(found.values())}" for name, found in names.items())
        if rescued := sum(stats.rescued.values()):
            counts += f" rescued={rescued}"
        self._show(f"{self._playbook}: {counts} in {seconds(took)}", None)
        self._event("", "", "", "ended", counts)
        self._timings.save()

    # What it does with that

    @staticmethod
    def _names(task: Task) -> tuple[str, str]:
        # The plain name: get_name() would put the role in front of it
        role = task._role.get_name() if task._role else ""  # noqa: SLF001 -- no public role
        return split_name(str(task.name or task.action), str(role))

    def _ran(self, result: CallbackTaskResult, status: str, said: str = "") -> Step:
        name, task = self._names(result.task)
        self._event(name, task, result.host.get_name(), status, said)
        if self._step is None:  # a handler's or include's late result
            self._step = Step(name, time.monotonic(), None)
        self._step.ran = True
        if self._display.verbosity:
            self._show(f"    {status}: {result.host.get_name()}: {task}", None)
        self._refresh(task)
        return self._step

    def _end_step(self) -> None:
        step, self._step = self._step, None
        if step is None or not (step.ran or step.faults):
            self._clear()
            return
        now = time.monotonic()
        if not step.faults:
            self._timings.add(f"{self._playbook} | {step.name}", now - step.started)
            self._show(step.line("✓", now), "green" if not step.changed else "yellow")
            return
        for what, hosts in step.faults.items():
            self._show(step.line("✗", now, f"{', '.join(sorted(hosts))}: {what}"), "red")

    def _refresh(self, doing: str) -> None:
        """Rewrite the running step's line; elsewhere than on a terminal a step has one line."""
        if self._live and self._step is not None:
            line = self._step.line("…", time.monotonic(), doing)
            line = line[: shutil.get_terminal_size().columns - 1]  # a wrapped line stays behind
            self._display.display(f"\r\x1b[K{line}", screen_only=True, newline=False)

    def _clear(self) -> None:
        if self._live:
            self._display.display("\r\x1b[K", screen_only=True, newline=False)

    def _show(self, text: str, color: str | None) -> None:
        self._clear()
        self._display.display(addressed(text, self._stack), color=color)

    def _event(self, step: str, task: str, host: str, status: str, said: str) -> None:
        """Append one event at once: a test may be waiting to kill this process here."""
        if self._events is None:
            return
        document = {
            "t": round(time.time(), 3),
            "step": step,
            "task": task,
            "host": host,
            "status": status,
            "msg": said,
        }
        with suppress(OSError), self._events.open("a", encoding="utf-8") as out:
            out.write(json.dumps(document) + "\n")
