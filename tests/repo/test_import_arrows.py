"""Who may import whom: the table in docs/architecture.md."""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repo import tree

SHARED = "ansible_collections.dash.platform.plugins.module_utils"
PLUGINS = SHARED.replace("module_utils", "plugin_utils")
OURS = ("app", "ops", "infra", "ansible_collections", "tests", "chaos", "loadtests", "monitoring")
ALLOWED = {
    "app": ("app",),
    "infra": ("infra", f"{SHARED}.stack"),
    "ops": ("ops", SHARED, *(f"{PLUGINS}.{x}" for x in ("secrets", "copies", "bucket"))),
    "ansible_collections": ("ansible_collections",),
    "chaos": ("chaos",),
    "loadtests": ("loadtests",),
    "monitoring": ("monitoring",),
}


def imported(module: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything a module imports, wherever in it."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def without_functions(module: ast.Module) -> ast.Module:
    """Return what runs when a module is imported."""

    class Drop(ast.NodeTransformer):
        def visit_FunctionDef(self, _node: ast.FunctionDef) -> None:
            """Drop it."""

        def visit_AsyncFunctionDef(self, _node: ast.AsyncFunctionDef) -> None:
            """Drop it."""

    bare: ast.Module = Drop().visit(copy.deepcopy(module))
    return bare


def within(dotted: str, prefix: str) -> bool:
    """Tell whether a dotted name is a prefix or lies below it."""
    return dotted == prefix or dotted.startswith(f"{prefix}.")


def crossings(path: Path, source: ast.Module) -> list[str]:
    """Return the imports of our own code that the table does not allow."""
    name = tree.name(path)
    mine = name.split("/")[0]
    package = ".".join(name.split("/")[:-1])
    return [
        f"{name}:{line}: {mine} must not import {dotted}"
        for line, dotted in imported(source, package)
        if any(within(dotted, other) for other in OURS)
        and not any(within(dotted, allowed) for allowed in ALLOWED[mine])
    ]


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    wrong = [line for p in tree.files(f"{package}/**.py") for line in crossings(p, tree.syntax(p))]
    assert not wrong, "\n".join(wrong)


def test_the_collections_shared_code_uses_the_standard_library_only() -> None:
    """It also runs on hosts, where nothing is installed for it.

    A function may import what only some hosts have, and then says what to do without it.
    """
    wrong = []
    for path in tree.files(f"{SHARED.replace('.', '/')}/**.py"):
        for line, dotted in imported(without_functions(tree.syntax(path)), ""):
            first = dotted.split(".")[0]
            if first not in sys.stdlib_module_names and not within(dotted, SHARED):
                wrong.append(f"{tree.name(path)}:{line}: {dotted}")
    assert not wrong, "\n".join(wrong)


def test_a_crossing_is_found_in_every_form_of_import() -> None:
    """The check itself can fail: absolute, from, relative, and inside a function."""
    source = ast.parse(
        "import ops.cli\nfrom infra import naming\nfrom ..ops import console\n"
        "def f():\n    from ansible_collections.dash.platform import plugins\n"
        "import application\nfrom app import settings\n"
    )
    found = crossings(tree.ROOT / "app" / "web.py", source)
    assert [line.split(":")[1] for line in found] == ["1", "2", "3", "5"]
