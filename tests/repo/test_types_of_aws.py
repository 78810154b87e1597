"""What `infra` uses of pulumi-aws is checked by its types: mypy takes the rest of it for Any."""

from __future__ import annotations

import ast
import tomllib

from tests.repo import tree

ALIAS = "aws"  # as `infra` calls pulumi_aws


def followed() -> set[str]:
    """Return the modules of pulumi-aws that mypy reads."""
    settings = tomllib.loads(tree.text(tree.ROOT / "pyproject.toml"))["tool"]["mypy"]
    return {
        name.removeprefix("pulumi_aws.").removesuffix(".*")
        for override in settings["overrides"]
        if override.get("follow_imports") == "normal"
        for name in override["module"]
    }


def used() -> set[str]:
    """Return the modules of pulumi-aws, and the names of its top, that `infra` uses."""
    return {
        node.attr
        for path in tree.files("infra/*.py")
        for node in ast.walk(tree.syntax(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == ALIAS
    }


def test_all_that_is_used_is_read_and_nothing_else_is() -> None:
    public = {name for name in followed() if not name.startswith(("_", "pulumi_aws"))}
    assert used() - {"Provider"} == public - {"outputs", "provider"}


def test_pulumi_aws_is_imported_in_one_form() -> None:
    imports = [
        f"{tree.name(path)}: {ast.unparse(node)}"
        for path in tree.files("infra/*.py")
        for node in ast.walk(tree.syntax(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and "pulumi_aws" in ast.unparse(node)
    ]
    assert imports
    assert {line.partition(": ")[2] for line in imports} == {f"import pulumi_aws as {ALIAS}"}
