"""docs/reference/asvs.md leaves no requirement out, and names tests that are there."""

from __future__ import annotations

import ast
import re
from itertools import chain

from tests.repo import tree

PAGE = tree.ROOT / "docs" / "reference" / "asvs.md"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
# Level by requirement of ASVS 5.0.0, section by section; 3 is beyond what the page is about.
LEVELS = {
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333",
    "6.6": "2223", "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
}  # fmt: skip


def rows() -> list[tuple[str, str, str]]:
    """Return number, level and evidence of each row."""
    return [(n, level, shown) for n, level, _, shown in ROW.findall(tree.text(PAGE))]


def test_every_requirement_of_both_levels_has_one_row() -> None:
    numbered = (
        (f"{section}.{n}", level)
        for section, levels in LEVELS.items()
        for n, level in enumerate(levels, 1)
    )
    wanted = [(number, level) for number, level in numbered if level != "3"]
    assert [(number, level) for number, level, _ in rows()] == wanted


def test_every_row_names_a_test_or_says_why_there_is_none() -> None:
    for number, _, shown in rows():
        why = re.match(r"(open|does not apply): (.+)", shown)
        assert TEST.search(shown) or (why and len(why[2].split()) >= 4), number


def test_every_named_test_is_there() -> None:
    named = set(chain.from_iterable(TEST.findall(shown) for *_, shown in rows()))
    assert len(named) > 40
    for file, name in sorted(named):
        path = tree.ROOT / file
        assert path.is_file(), file
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        there = {n.name for n in ast.walk(tree.syntax(path)) if isinstance(n, functions)}
        assert name in there, f"{file}::{name}"
