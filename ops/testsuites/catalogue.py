"""Which parts each suite has, in the fixed sample and with the long matrices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from ops.testsuites import coverage, lint
from ops.testsuites.parts import Part, pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Minutes after which a suite of the fixed sample is ended, for 2 cores of half the usual speed
# (docs/benchmarks.md, "The tests"). With the host image and a lab's end they stay under the 90
# minutes after which a build server ends everything. What a suite leaves of its own goes to those
# after it.
BUDGETS: Mapping[str, int] = {
    "lint": 7,
    "unit": 6,
    "integration": 21,
    "infra": 7,
    "roles": 20,
    "e2e": 23,
}
MATRIX_MINUTES = 180  # for each part that only --all runs
NEED_MACHINE = ("integration", "infra", "roles", "e2e")  # packages, host image, podman's settings
# Third-party programs of tools/manifest.toml that a suite uses. They are got before its parts run:
# where only a build gives one, that takes minutes, and no test waits so long.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "integration": ("loki", "otelcol"),
    "infra": ("pulumi",),
    "roles": ("loki", "otelcol", "grafana"),
    "e2e": ("pulumi", "loki", "otelcol", "grafana"),
}
UNIT = ("tests/unit", "tests/repo", "tests/roles")
# Plugins that no unit test uses: pytest and each of its workers would load them first.
UNUSED = ("schemathesis", "anyio", "pytest11.testinfra")
SLOW = re.compile(r"\bmark\.slow\b")


def parts(suite: str, root: Path, *, every: bool) -> list[Part]:
    """Return the parts of a suite.

    Args:
        suite: its name.
        root: the checkout.
        every: with what only `--all` runs.
    """
    return MAKERS[suite](root, every=every)


class Maker(Protocol):
    """Makes the parts of one suite."""

    def __call__(self, root: Path, *, every: bool) -> list[Part]:
        """Return the parts for a checkout, with what only `--all` runs when `every` is true."""
        ...


def _measured(
    suite: str,
    root: Path,
    *folders: str,
    every: bool,
    workers: int = 0,
    without: tuple[str, ...] = (),
) -> list[Part]:
    """Return pytest over folders, with coverage.

    Args:
        suite: its name.
        root: the checkout.
        folders: where tests are.
        every: with those that only `--all` runs.
        workers: processes side by side, 0 for none.
        without: plugins that are not loaded.
    """
    unloaded = [word for name in without for word in ("-p", f"no:{name}")]
    selection = [] if every else ["-m", "not slow"]
    env = {"COVERAGE_FILE": f".dash/test/coverage/{suite}"}
    present = [name for name in folders if (root / name).is_dir()]
    side_by_side = ["-n", str(workers), "--dist", "loadfile"] if workers else []
    words = ["-q", "--durations=5", "--cov", "--cov-report=", *side_by_side, *unloaded]
    return [pytest(suite, suite, *words, *selection, *present, env=env)]


def _lint(root: Path, *, every: bool) -> list[Part]:  # noqa: ARG001 -- one signature for all suites
    return lint.parts(root)


def _unit(root: Path, *, every: bool) -> list[Part]:
    return _measured("unit", root, *UNIT, every=every, workers=2, without=UNUSED)


def _integration(root: Path, *, every: bool) -> list[Part]:
    return _measured("integration", root, "tests/integration", every=every, workers=2)


def _infra(root: Path, *, every: bool) -> list[Part]:
    return _measured("infra", root, "tests/infra", every=every, workers=2)


def _roles(root: Path, *, every: bool) -> list[Part]:  # noqa: ARG001 -- one signature for all suites
    """Return the default scenario of every role; with --all the others too."""
    # A scenario waits more than it works; each worker takes the next when it is done with one.
    side_by_side = ("-n", "2", "--maxschedchunk", "1")
    selection = () if every else ("-m", "not slow")
    words = ("-v", "--durations=20", *side_by_side, *selection)
    return [pytest("roles", "roles", *words, "tests/scenarios")]


def _e2e(root: Path, *, every: bool) -> list[Part]:
    """Return the sample; with --all, one more part for each file that has slow tests."""
    common = ("-v", "--durations=20", "-p", "no:randomly", "--timeout=1800")
    sample = pytest("e2e", "e2e", *common, "-m", "not slow", "tests/e2e")
    files = sorted(p for p in root.glob("tests/e2e/**/test_*.py") if every)
    return [
        sample,
        *(
            pytest("e2e", f"e2e-{p.stem}-slow", *common, "-m", "slow", str(p.relative_to(root)))
            for p in files
            if SLOW.search(p.read_text("utf-8"))
        ),
    ]


MAKERS: Mapping[str, Maker] = {
    "lint": _lint,
    "unit": _unit,
    "integration": _integration,
    "infra": _infra,
    "roles": _roles,
    "e2e": _e2e,
}
SUITES = tuple(MAKERS)


def budget(part: Part, left: float) -> float:
    """Return the seconds a part may take, of which `left` are the suite's."""
    return MATRIX_MINUTES * 60.0 if part.name.endswith("-slow") else left


def measured(suite: str) -> bool:
    """Return whether the suite gives coverage data."""
    return suite in coverage.SUITES
