"""What happens at the beginning and at the end of locust's processes. One `quitting` decides."""

from __future__ import annotations

import json
import secrets
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
from locust import events
from locust.runners import MasterRunner, WorkerRunner

from loadtests import accounts, pairs, shapes, target, world
from loadtests.judge import Judge, table
from loadtests.pairs import Pairs
from loadtests.recorder import Recorder
from loadtests.shapes import ShapeError
from loadtests.target import TargetError
from loadtests.thresholds import CODES
from loadtests.world import World

if TYPE_CHECKING:
    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment

STOP_SECONDS = 15  # in which users end what they do; longer than agents wait for messages
USAGE = 2

_judges: dict[int, Judge] = {}
_pairs: dict[int, Pairs] = {}
_lent = ExitStack()


def judge_of(environment: Environment) -> Judge | None:
    """Return the judge, in the process that leads the run."""
    return _judges.get(id(environment))


@events.init_command_line_parser.add_listener
def _options(parser: LocustArgumentParser, **_: Any) -> None:  # noqa: ANN401 -- locust's
    parser.add_argument("--shape", default="smoke", help="; ".join(
        f"{s.name}: {s.about}, {s.seconds:.0f} s" for s in shapes.SHAPES.values()
    ))  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, default=0.0, help="how long, instead of the shape's"
    )
    parser.add_argument(
        "--target", default="", help="a target's JSON document (default: the stack)"
    )
    parser.add_argument(
        "--accounts", default="", help="a file of accounts (default: made, removed)"
    )
    parser.add_argument(
        "--judged", default="active", choices=target.COLOURS,
        help="of `compare`, the new release: the active colour's, or that of the idle one",
    )  # fmt: skip
    parser.add_argument("--result", default="", help="write what was measured here, as JSON")


@events.init.add_listener
def _begin(environment: Environment, **_: Any) -> None:  # noqa: ANN401 -- locust's
    options: Any = environment.parsed_options
    try:
        _prepare(environment, options)
    except (TargetError, ShapeError) as error:
        sys.stderr.write(f"load: {error}\n")
        sys.exit(USAGE)


def _prepare(environment: Environment, options: Any) -> None:  # noqa: ANN401 -- a namespace
    shape, aim = shapes.find(options.shape), target.load(options.target)
    if options.seconds:
        shape = shape.within(options.seconds)
    runner = environment.runner
    works, leads = isinstance(runner, WorkerRunner), isinstance(runner, MasterRunner)
    path = Path(options.accounts) if options.accounts else aim.folder / accounts.FILE
    own = World(aim, shape, path, sides=aim.sides(options.judged) if shape.sides else ())
    world.keep(environment, own)
    if shape.sides:
        if works or leads:
            raise ShapeError(f"{shape.name} runs in one process: leave --processes out")
        _pairs[id(environment)] = found = Pairs(shape.seconds / pairs.BLOCKS)
        environment.events.request.add_listener(found.hear)
    environment.host = aim.url
    environment.stop_timeout = max(environment.stop_timeout or 0, STOP_SECONDS)
    counts = shape.mix
    weights = {
        "Agent": counts.agents, "ApiClient": counts.clients,
        "StreamingClient": counts.streamers, "Person": counts.people,
    }  # fmt: skip
    for each in environment.user_classes:
        each.weight = weights[each.__name__]
    if not leads:
        gevent.spawn(own.health.watch)
    if works:
        environment.events.report_to_master.add_listener(_tell(own))
        return
    if not options.accounts:
        run = secrets.token_hex(4)
        _lent.enter_context(accounts.lent(aim, shape.owners, run))
    judge = Judge(environment, Recorder(environment, shape))
    _judges[id(environment)] = judge
    environment.events.test_start.add_listener(lambda **_: _start(judge))
    environment.events.worker_report.add_listener(
        lambda client_id, data: judge.hear(client_id, data["dash"])
    )


def _tell(own: World) -> Any:  # noqa: ANN401 -- a listener
    def report(client_id: str, data: dict[str, Any]) -> None:
        del client_id
        data["dash"] = own.report()

    return report


def _start(judge: Judge) -> None:
    judge.recorder.begin()
    gevent.spawn(judge.recorder.watch)


@events.quitting.add_listener
def _end(environment: Environment, **_: Any) -> None:  # noqa: ANN401 -- locust's
    """Judge, say it, and set the exit code: nothing else does."""
    judge, runner = judge_of(environment), environment.runner
    if judge is None or runner is None:
        environment.process_exit_code = 0  # a worker's is nobody's business
        return
    try:
        environment.process_exit_code = _judged(judge, environment)
    finally:
        _lent.close()


def _judged(judge: Judge, environment: Environment) -> int:
    runner, options = environment.runner, environment.parsed_options
    if runner is not None:
        runner.stop()  # what is under way at an interrupt is not lost yet
    if isinstance(runner, MasterRunner):
        judge.missing = len(runner.clients.missing)
    else:
        judge.hear("", world.of(environment).report())
    judge.end()
    verdict = judge.verdict()
    document = judge.document(verdict)
    if id(environment) in _pairs:
        document["blocks"] = _pairs[id(environment)].blocks(judge.recorder.began)
    if options is not None and options.result:
        Path(options.result).write_text(json.dumps(document) + "\n", "utf-8")
    sys.stdout.write(table(document) + "\n")
    return CODES[verdict.outcome]
