"""From nothing to a running stack, step by step; each step does nothing when nothing is due."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ops import leftovers, playbook, preflight, pulumi, smoke, state, tools, tunnel
from ops.console import ExitCode, Steps, UserError, seconds

if TYPE_CHECKING:
    from pathlib import Path

    from ops.playbook import Outcome
    from ops.session import Session

CHANGED = re.compile(r"^site: changed=(\d+) ")  # the last line of dash.platform.progress


@dataclass(frozen=True)
class Run:
    """One run of `up`, or of a part of it: its steps share one log."""

    session: Session
    steps: Steps
    log: Path

    @classmethod
    def start(cls, session: Session, verb: str) -> Self:
        """Begin a run of a verb, on a stack that nobody's chaos run has left broken."""
        leftovers.undo(session)
        return cls(session, session.steps(verb), session.log(verb))

    def machine(self) -> None:
        """Install the Debian packages that are missing, after saying which.

        Raises:
            UserError: they cannot be had.
        """
        lacking = preflight.missing()
        doing = f"install {' '.join(lacking)}" if lacking else "look for Debian packages"
        with self.steps.step("machine", doing) as step:
            if lacking:
                preflight.install(lacking, self.log, step.tell)
                step.note = f"installed {' '.join(lacking)}"
            else:
                step.note = f"all {len(preflight.NEEDS)} Debian packages are there"
        if self.session.provider == "podman":
            preflight.ask_sudo(f"./dash --stack {self.session.stack} up")

    def tools(self) -> None:
        """Find or get the Pulumi CLI and its language host.

        Raises:
            UserError: no source has them.
        """
        with self.steps.step("tools", "find the Pulumi CLI") as step:

            def tell(line: str) -> None:
                step.tell(line)
                step.note = line
                if not self.steps.console.is_terminal:
                    self.steps.console.print(f"  {line}", markup=False, highlight=False)

            pulumi.environment(self.session.names, tell)
            step.note = step.note or "the Pulumi CLI is there"
            if self.session.provider == "aws":
                tools.resolve(tunnel.PLUGIN, tell)

    def hosts(self) -> str:
        """Make or mend the hosts: `pulumi up`. Returns what changed in a few words.

        Raises:
            UserError: they could not be made; on AWS, nobody said where the state is kept.
        """
        state.required(self.session.names)
        with self.steps.step("hosts", "pulumi up") as step:
            step.note = pulumi.up(self.session.names, step.tell)
        return step.note

    def configure(self) -> str:
        """Apply all roles. Returns how much changed in a few words.

        Raises:
            UserError: the playbook failed.
        """
        with self.steps.step("configure", "playbooks/site.yml") as step:
            played = playbook.play(self.session, "site", log=self.log, tell=step.tell)
            played.check()
            changed = sum(
                int(found[1])
                for line in played.finished.lines
                if (found := CHANGED.match(line.strip()))
            )
            step.note = f"{changed} changed" if changed else "nothing to change"
        return f"configured {self.session.stack}: {step.note}"

    def deploy(self, source: str) -> Outcome:
        """Release the checkout, or what the stack `source` runs. Returns how it ended.

        Raises:
            DeployError: it did not end well.
        """
        with self.steps.step("deploy", "playbooks/deploy.yml") as step:
            ended = playbook.operate_quietly(
                self.session, "deploy", {"dash_from": source}, log=self.log, tell=step.tell
            )
            step.note = ended.line
            if ended.exit_code:
                raise DeployError(ended)
        return ended

    def smoke(self) -> None:
        """Ask the service through the edge.

        Raises:
            UserError: it does not answer as it should.
        """
        base = self.session.address("https")
        with self.steps.step("smoke", f"GET {base}/healthz and /readyz") as step:
            there = self.session.state_dir
            answers = smoke.check(base, there / "ca.pem", there / "secrets/deploy_token")
            seen = answers["/readyz"]
            step.note = f"{base} answers: {seen.version or 'a release'} on {seen.color or 'it'}"


class DeployError(UserError):
    """The deploy inside `up` did not end well: its line and exit code are those of `up`."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.line, ExitCode(outcome.exit_code))


def up(session: Session, source: str = "") -> str:
    """Bring the stack up and return the last line for the terminal.

    Args:
        session: whose stack.
        source: the stack whose release is taken; empty for the checkout.

    Raises:
        UserError: a step failed; the later ones were not begun.
    """
    run = Run.start(session, "up")
    with run.steps.running("all", f"bring up {session.stack}", shown=False) as whole:
        run.machine()
        run.tools()
        run.hosts()
        run.configure()
        ended = run.deploy(source)
        run.smoke()
    return f"{session.stack} is up after {seconds(whole.took)}{whole.before}: {ended.line}"
