"""Sizes at which a file is split; an exemption has a reason and goes when it is not needed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from tests.repo import tree

LINES = {
    "roles/*/tasks/**.yml": 65,
    "roles/*/defaults/*.yml": 100,
    "roles/*/handlers/*.yml": 20,
    "playbooks/*.yml": 35,
    "roles/*/molecule/*/molecule.yml": 30,
    "roles/*/molecule/*/verify.yml": 150,
    "**.j2": 150,
    "**.py": 400,
    "app/migrations/*.sql": 80,
    "chaos/experiments/*.yaml": 120,
    "infra/__main__.py": 60,
    "dash": 100,
}
TASKS = 10
FUNCTION_LINES = 40
# file, or file:function -> why it may be longer
EXEMPT: dict[str, str] = {
    "tests/unit/ops/test_launcher.py": "one stage of fake machines that every test of it shares",
}


def length(path: Path) -> int:
    """Return the number of lines of a file."""
    return len(tree.text(path).splitlines())


def long_functions(path: Path) -> dict[str, int]:
    """Return the functions past the limit, by file:name, with their lines (docstring left out)."""
    found = {}
    for node in ast.walk(tree.syntax(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = node.body[0] if ast.get_docstring(node) is not None else None
            words = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
            lines = (node.end_lineno or node.lineno) - node.lineno + 1 - words
            if lines > FUNCTION_LINES:
                found[f"{tree.name(path)}:{node.name}"] = lines
    return found


def tasks(path: Path) -> int:
    """Return the number of tasks of a task file, those in blocks included."""

    def count(entries: object) -> int:
        if not isinstance(entries, list):
            return 0
        inner = ("block", "rescue", "always")
        return sum(sum(count(e.get(k)) for k in inner) or 1 for e in entries if isinstance(e, dict))

    return count(yaml.safe_load(tree.text(path)))


def too_big() -> dict[str, str]:
    """Return everything past its limit with what it measures."""
    found = {}
    for pattern, limit in LINES.items():
        for path in tree.files(f":(glob){pattern.replace('**.', '**/*.')}"):
            if length(path) > limit:
                found[tree.name(path)] = f"{length(path)} lines, {limit} at most"
    for path in tree.files(":(glob)roles/*/tasks/**/*.yml"):
        if tasks(path) > TASKS:
            found[tree.name(path)] = f"{tasks(path)} tasks, {TASKS} at most"
    for path in tree.files("*.py"):
        for function, lines in long_functions(path).items():
            found[function] = f"{lines} lines, {FUNCTION_LINES} at most"
    return found


def test_nothing_is_past_the_size_at_which_it_is_split() -> None:
    wrong = [f"{k}: {v}" for k, v in sorted(too_big().items()) if k not in EXEMPT]
    assert not wrong, "\n".join(wrong)


def test_every_exemption_has_a_reason_and_is_needed() -> None:
    big = too_big()
    for what, why in EXEMPT.items():
        assert len(why.split()) >= 4, f"{what}: say why"
        assert what in big, f"{what} is small enough now: remove its exemption"


@pytest.mark.parametrize("pattern", ["**.py", "playbooks/*.yml"])
def test_the_patterns_meet_files(pattern: str) -> None:
    """A pattern that matches nothing would pass for ever."""
    assert tree.files(f":(glob){pattern.replace('**.', '**/*.')}")
