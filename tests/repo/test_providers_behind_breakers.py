"""No provider is called but through its breaker: one file sends, and only with a permit.

Permits are made by Breaker.admit alone, so a way round it would show here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.repo import tree

SENDS = "app/llm/upstream.py"
MAKES = "app/llm/breaker.py"
ADMITS = "app/llm/attempts.py"
OTHERS = {
    "app/identity/ldapwire.py",
    "app/identity/fetch.py",
}  # identity providers are none of models
CLIENTS = ("ClientSession", "HTTPConnection", "HTTPSConnection", "urlopen", "open_connection")
VERBS = ("post", "get", "put", "request", "ws_connect", "delete", "patch")
FILES = tree.files("app/**.py", ":(glob)app/*.py")


def calls(source: ast.Module) -> Iterator[tuple[str, str, ast.Call]]:
    """Yield (what it is called on, name, call) of every call."""
    for node in ast.walk(source):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield ast.unparse(node.func.value), node.func.attr, node
            elif isinstance(node.func, ast.Name):
                yield "", node.func.id, node


@cache
def called(path: Path) -> list[tuple[str, str]]:
    """Return (what it is called on, name) of every call of a file."""
    return [(base, found) for base, found, _ in calls(tree.syntax(path))]


def who(name: str, on: str = "") -> set[str]:
    """Return the files that call something by name, on something when that is said."""
    return {
        tree.name(path)
        for path in FILES
        for base, found in called(path)
        if found == name and on in base
    }


def sessions(path: Path) -> set[str]:
    """Return the verbs of HTTP that a file calls on a session of a client."""
    return {n for on, n in called(path) if n in VERBS and "session" in on}


def test_one_file_makes_clients_and_another_sends() -> None:
    makers = {name for client in CLIENTS for name in who(client)}
    assert makers - OTHERS == {"app/llm/gateway.py"}
    assert makers >= OTHERS
    assert {tree.name(p) for p in FILES if sessions(p)} == {SENDS}


def test_all_that_is_sent_is_sent_by_one_function_that_takes_a_permit() -> None:
    functions = [
        node
        for node in ast.walk(tree.syntax(tree.ROOT / SENDS))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(n in VERBS and "session" in on for on, n, _ in calls(ast.Module([node], [])))
    ]
    assert [f.name for f in functions] == ["_sent"]
    assert "permit" in [a.arg for a in functions[0].args.args]
    assert "assert isinstance(permit, Permit)" in ast.unparse(functions[0])


def test_permits_are_made_by_the_breaker_and_asked_for_in_one_place() -> None:
    assert who("Permit") == {MAKES}
    assert who("admit", on="breaker") == {ADMITS}
    assert who("Lease") == {ADMITS}
