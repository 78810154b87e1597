"""Sizes at which a file is split; an exemption has a reason and goes when it is not needed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
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


def functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions below a node: they are statements, expressions are passed by."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, name, None)
        for child in inner if isinstance(inner, list) else ():
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield child
            yield from functions(child)


def long_functions(path: Path) -> dict[str, int]:
    """Return the functions past the limit, by file:name, with their lines (docstring left out)."""
    found = {}
    for node in functions(tree.syntax(path)):
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


@cache
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
        if length(path) <= FUNCTION_LINES:
            continue
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


def test_functions_are_found_wherever_a_statement_may_stand() -> None:
    source = """
class A:
    def a(self):
        if x:
            async def b(): ...
        else:
            def c(): ...
try:
    def d(): ...
except E:
    def e(): ...
finally:
    def f(): ...
match x:
    case 1:
        def g(): ...
with x:
    for y in z:
        while q:
            def h(): ...
"""

    assert sorted(f.name for f in functions(ast.parse(source))) == list("abcdefgh")


@pytest.mark.parametrize("pattern", ["**.py", "playbooks/*.yml"])
def test_the_patterns_meet_files(pattern: str) -> None:
    """A pattern that matches nothing would pass for ever."""
    assert tree.files(f":(glob){pattern.replace('**.', '**/*.')}")
