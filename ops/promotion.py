"""`python -m ops.promotion STACK`: the artifact that another stack runs, as one JSON document.

What it runs is asked of its own hosts, as `./dash status` does. What this machine did to that stack
tells nothing: a colleague may have released or gone back there since.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import history, standing
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line
from ansible_collections.dash.platform.plugins.plugin_utils import bucket as storage
from ops import archive, artifact, looking, variables
from ops.console import ExitCode, UserError
from ops.session import Session
from ops.version import BuildError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.dash.platform.plugins.module_utils.standing import (
        Entry,
        Facts,
        Release,
    )


def promoted(session: Session) -> artifact.Artifact:
    """Return the whole artifact that the session's stack runs, and keep it on this machine.

    Raises:
        UserError: that cannot be told, was not proved, or cannot be had.
        Fault: the stack's bucket does not give the artifact.
    """
    told = looking.ask(session)
    release = proved(session.stack, told["facts"], told["ledger"])
    return obtain(release, session.root / ".dash" / "artifacts", **told["artifacts"])


def proved(stack: str, facts: Facts, ledger: list[Entry]) -> Release:
    """Return the release that serves on a stack, when the last operation there put it to the proof.

    Args:
        stack: its name, for what is to be typed next.
        facts: by host, as the play `status` writes them.
        ledger: entries of edges and database merged, oldest first.

    Raises:
        UserError: hosts do not answer, nothing serves, or an operation is open or did not end well.
    """
    edges = standing.of_role(facts, "edge")
    _refuse_silence(stack, edges)
    _refuse_open(stack, list(edges.values()))
    color = _color(stack, edges)
    apps = {host: facts[host] for host in standing.colour_hosts(facts, color)}
    _refuse_silence(stack, apps)
    runs, recorded = standing.release_on(facts, color), history.last_on(ledger, color)
    if runs is None or recorded is None or runs.digest != recorded.digest:
        raise UserError(
            f"the hosts of {stack} do not run what its ledger says was released to {color}. "
            f"Next: {_typed(stack, 'status')}, then {_typed(stack, 'deploy')}"
        )
    last = ledger[-1]
    if last["outcome"] != "done":
        raise UserError(
            f"the last operation on {stack}, {last['kind']} of {last['version']}, ended as "
            f"{last['outcome']}: what serves was not proved since. "
            f"Next: {_typed(stack, 'deploy')}, or name the artifact itself with --artifact"
        )
    return runs


def _typed(stack: str, verb: str) -> str:
    """Return what is typed for another stack than the one that lines are about here."""
    return f"./dash --stack {stack} {verb}"


def _refuse_silence(stack: str, hosts: Facts) -> None:
    """Refuse when one of the hosts gave no facts, or there is none. Raises UserError."""
    if not hosts:
        raise UserError(f"{stack} has no host that tells what it runs: type {_typed(stack, 'up')}")
    for host, f in hosts.items():
        if f.get("unreachable"):
            why = f"{host}: {f['why']}" if f.get("why") else f"{host} does not answer over ssh"
            cure = f.get("cure") or _typed(stack, "doctor")
            raise UserError(f"what {stack} runs cannot be told, {why}. Next: {cure}")


def _refuse_open(stack: str, edges: list[dict[str, Any]]) -> None:
    """Refuse while an edge has an operation open, or a lease that runs. Raises UserError."""
    held = [e["lease"] for e in edges if e.get("lease") and e["lease"]["expires_at"] > e["clock"]]
    made = [e["operation"] for e in edges if e.get("operation")]
    if held:
        who = held[0]["holder"]
        raise UserError(
            f"a {held[0]['kind']} by {who['user']}@{who['host']} is under way on {stack}. "
            f"Next: wait until {_typed(stack, 'status')} shows no lease, then the same again"
        )
    if made:
        state = made[0]["state"]
        why, cure = f"was not finished (it is {state})", f"{_typed(stack, 'deploy')} settles it"
        if state == "paused":
            why = "waits for an answer"
            cure = f"{_typed(stack, 'promote')} or {_typed(stack, 'abort')}"
        what = f"the {made[0]['kind']} of {made[0].get('version')}"
        raise UserError(f"{what} on {stack} {why}. Next: {cure}")


def _color(stack: str, edges: Facts) -> str:
    """Return the colour that all edges serve, by their files and in their HAProxy.

    Raises UserError.
    """
    seen = {host: {f["active"], f.get("map", f["active"]) or "none"} for host, f in edges.items()}
    colors = {color for both in seen.values() for color in both}
    if len(colors) > 1:
        said = ", ".join(f"{host} says {' and '.join(sorted(c))}" for host, c in seen.items())
        cure = "configure" if "none" in colors else "switch COLOUR"
        raise UserError(
            f"the edges of {stack} disagree about the active colour ({said}). "
            f"Next: {_typed(stack, cure)}"
        )
    if colors == {"none"}:
        raise UserError(f"nothing is active on {stack}: type {_typed(stack, 'deploy')}")
    return str(colors.pop())


def obtain(release: Release, out: Path, bucket: str, region: str) -> artifact.Artifact:
    """Return a release's artifact: the one that lies here, or that of the bucket, kept from now on.

    Args:
        release: which.
        out: directory of artifacts.
        bucket: of the stack that runs it; "" where it has none.
        region: of the bucket.

    Raises:
        UserError: it is nowhere, damaged, cut short, or another one of its name.
        Fault: AWS does not give it.
        OSError: this machine has no place for it.
    """
    kept = out / archive.file_name(release.version, release.digest)
    copy = f"copy it from the machine that built it to {out}"
    if kept.exists():
        return _checked(kept, release, str(kept), f"rm {kept}, then the same again")
    if not bucket:
        raise UserError(f"{kept} is not here: copy it from the machine that built it")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".fetching-") as folder:
        part = Path(folder) / kept.name
        if not storage.get(part, bucket, region):
            raise UserError(f"{kept.name} is neither here nor in {bucket}: {copy}")
        found = _checked(part, release, f"s3://{bucket}/{kept.name}", copy)
        part.chmod(archive.MODE)
        part.replace(kept)
    return replace(found, path=str(kept.absolute()))


def _checked(path: Path, release: Release, called: str, cure: str) -> artifact.Artifact:
    """Return what an artifact is, from its first byte to its last the one that was released.

    Args:
        path: where it lies.
        release: which it has to be.
        called: by which an operator knows it.
        cure: what to type when it is not.

    Raises:
        UserError: it is not.
    """
    try:
        found = artifact.inspect(path)
    except BuildError as error:
        line = str(error).replace(str(path), called)
        raise UserError(f"{line}. Next: {cure}") from None
    if found.digest != release.digest:
        raise UserError(f"{called} is not what was released under its name. Next: {cure}")
    return found


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Find what a stack runs and print it; 0 done, 1 refused (one line on stderr), 2 usage."""
    parser = argparse.ArgumentParser(prog="python -m ops.promotion", description=__doc__)
    parser.add_argument("stack", help="lab, staging or production")
    name = parser.parse_args(argv).stack
    try:
        session = replace(Session.of(environ), stack=variables.stack_name(name, "dash_from"))
        found = promoted(session)
    except UserError as error:
        sys.stderr.write(f"{error.line}\n")
        return error.code
    except (Fault, OSError) as error:
        sys.stderr.write(f"{one_line(error)}\n")
        return ExitCode.FAILED
    sys.stdout.write(json.dumps(asdict(found), sort_keys=True) + "\n")
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
