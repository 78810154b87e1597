"""What must not lie in the repository, and words that must not stand in its files."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
import tomllib
from pathlib import Path

import pytest

from tests.repo import tree

MAX_BYTES = 600_000
FORBIDDEN_NAME = re.compile(
    r"(^|/)(uv\.lock|pylock[^/]*\.toml|poetry\.lock|Pipfile\.lock|\.env|id_(rsa|ed25519)[^/]*"
    r"|[^/]+\.(key|pem|zst|xz|gz|pyc|sqlite3?|log))$|(^|/)(\.dash|__pycache__|node_modules)/"
)
MACHINE_PATH = re.compile(r"(?<![\w.-])(/root/|/home/[a-z]+/|/work/|/Users/)")
# Written as data about somebody's machine, never as a path that is used.
MACHINE_PATH_EXEMPT = {
    "tests/repo/test_tracked_files.py": "the pattern itself",
}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
UNFINISHED_EXEMPT = {"tests/repo/test_tracked_files.py": "the pattern itself"}
NOQA = re.compile(r"#\s*noqa(?P<rest>.*)", re.IGNORECASE)
IGNORE = re.compile(r"#\s*type:\s*ignore(?P<rest>.*)")
# The rest of such a comment: codes, then why.
NOQA_REST = re.compile(r": [A-Z]+\d+(, ?[A-Z]+\d+)* -- \S+ ")
IGNORE_REST = re.compile(r"\[[a-z-]+(, ?[a-z-]+)*\]\s+# \S+ ")
PYTHON = tree.files("*.py")


def comments(path: Path) -> list[tuple[int, str]]:
    """Return the comments of a Python file with their lines."""
    tokens = tokenize.generate_tokens(io.StringIO(tree.text(path)).readline)
    return [(t.start[0], t.string) for t in tokens if t.type == tokenize.COMMENT]


def lines_with(pattern: re.Pattern[str], exempt: dict[str, str], *specs: str) -> list[str]:
    """Return file:line of every line that matches, in files that are not exempt."""
    return [
        f"{tree.name(path)}:{number}: {line.strip()[:100]}"
        for path in tree.files(*specs)
        if tree.name(path) not in exempt
        for number, line in enumerate(tree.text(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_lock_files_keys_caches_or_state_are_tracked() -> None:
    assert not [tree.name(p) for p in tree.files() if FORBIDDEN_NAME.search(tree.name(p))]


def test_no_file_is_big() -> None:
    assert not [tree.name(p) for p in tree.files() if p.stat().st_size > MAX_BYTES]


def test_no_path_of_one_machine_is_written_down() -> None:
    found = lines_with(MACHINE_PATH, MACHINE_PATH_EXEMPT)
    assert not found, "\n".join(found)


def test_no_path_of_this_checkout_is_written_down() -> None:
    found = lines_with(re.compile(re.escape(f"{tree.ROOT}/")), {})
    assert not found, "\n".join(found)


def test_no_package_index_is_written_down() -> None:
    """Where packages come from is each machine's own setting."""
    pattern = re.compile(
        r"(extra-)?index-url\s*[=:]?\s*\w+://(?!example\.)|PIP_INDEX_URL=|UV_INDEX\w*="
    )
    found = lines_with(pattern, {"tests/repo/test_tracked_files.py": "the pattern itself"})
    assert not found, "\n".join(found)


def test_nothing_is_marked_as_unfinished() -> None:
    found = lines_with(UNFINISHED, UNFINISHED_EXEMPT, "*.py", "*.yml", "*.yaml", "*.j2", "*.sh")
    assert not found, "\n".join(found)


def test_the_service_logs_and_never_prints() -> None:
    found = lines_with(re.compile(r"^\s*print\("), {}, "app/*.py")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", PYTHON, ids=tree.name)
def test_every_silenced_finding_says_which_and_why(path: Path) -> None:
    for number, comment in comments(path):
        where = f"{tree.name(path)}:{number}: {comment}"
        for pattern, rest in ((NOQA, NOQA_REST), (IGNORE, IGNORE_REST)):
            if (found := pattern.search(comment)) is not None:
                assert rest.match(f"{found['rest']} "), where


@pytest.mark.parametrize(
    ("comment", "good"),
    [
        ("# noqa", False),
        ("# noqa: S314", False),
        ("# noqa: S314 -- ours", True),
        ("# noqa: S314, PLR0913 -- one parameter for each option", True),
        ("# type: ignore", False),
        ("# type: ignore[arg-type]", False),
        ("# type: ignore[arg-type] # what signal.signal returned", True),
    ],
)
def test_the_form_of_a_silenced_finding(comment: str, good: bool) -> None:
    for pattern, rest in ((NOQA, NOQA_REST), (IGNORE, IGNORE_REST)):
        if (found := pattern.search(comment)) is not None:
            assert bool(rest.match(f"{found['rest']} ")) is good


def test_the_baseline_of_secrets_is_empty() -> None:
    """A secret is removed, or its line says why it is none; it is never put on a list."""
    assert '"results": {}' in tree.text(tree.ROOT / ".secrets.baseline")


def test_a_tools_version_stands_in_its_manifest_only() -> None:
    manifests = tree.files(":(glob)tools/*.toml")
    assert manifests, "the manifest of third-party programs is gone"
    wanted = set()
    for path in manifests:
        for program in tomllib.loads(tree.text(path)).values():
            if isinstance(program, dict) and isinstance(program.get("version"), str):
                wanted.add(program["version"])
    assert wanted, "no version was found in the manifest"
    pattern = re.compile("|".join(rf"(?<![\d.]){re.escape(v)}(?![\d.])" for v in sorted(wanted)))
    exempt = {tree.name(p): "the manifest" for p in tree.files("tools")}
    exempt |= {tree.name(p): "other packages' versions" for p in tree.files("requirements")}
    exempt |= {"CHANGELOG.md": "history", "pyproject.toml": "other packages' versions"}
    exempt |= {tree.name(p): "examples, which need not be true" for p in tree.files("tests")}
    found = lines_with(pattern, exempt)
    assert not found, "\n".join(found)


def test_scripts_can_be_run() -> None:
    """A first line `#!` and the executable bit go together; git keeps the bit."""
    listed = subprocess.run(
        ["git", "ls-files", "-s"], cwd=tree.ROOT, check=True, capture_output=True, text=True
    ).stdout
    modes = {line.split("\t")[1]: line.split()[0] for line in listed.splitlines()}
    for script in ("dash", ".ci/run", "tools/lock"):
        assert modes.get(script) == "100755", script
