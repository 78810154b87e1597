"""How roles and playbooks are built: what STYLE says of them, held."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repo import tree

ROLES = sorted(
    {p.relative_to(tree.ROOT).parts[1] for p in tree.files(":(glob)roles/*/tasks/*.yml")}
)
PLAYBOOKS = tree.files(":(glob)playbooks/*.yml")
NOT_A_TASK_KEY = {"name", "block", "rescue", "always"}


def load(path: Path) -> Any:
    """Return what a YAML file holds; nothing for a file that is not there."""
    return yaml.safe_load(tree.text(path)) if path.is_file() else None


def listed(value: str | list[str] | None) -> list[str]:
    """Return one or many as a list."""
    return [value] if isinstance(value, str) else list(value or [])


def options(role: str) -> set[str]:
    """Return the names that a role's argument specs know, over all entry points."""
    specs = load(tree.ROOT / "roles" / role / "meta" / "argument_specs.yml") or {}
    return {
        name
        for entry in (specs.get("argument_specs") or {}).values()
        for name in (entry.get("options") or {})
    }


def spec_entries(node: Any) -> list[dict[str, Any]]:
    """Return every option of a spec, nested ones too."""
    found: list[dict[str, Any]] = []
    for entry in (node or {}).values():
        found += [entry, *spec_entries(entry.get("options"))]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_spec_and_defaults_name_the_same_variables(role: str) -> None:
    """A spec may also name what the caller must give: `required: true`, without a default."""
    specs = load(tree.ROOT / "roles" / role / "meta" / "argument_specs.yml") or {}
    required = {
        name
        for entry in (specs.get("argument_specs") or {}).values()
        for name, option in (entry.get("options") or {}).items()
        if option.get("required")
    }
    defaults = set(load(tree.ROOT / "roles" / role / "defaults" / "main.yml") or {})
    assert options(role) - required == defaults - required


@pytest.mark.parametrize("role", ROLES)
def test_a_spec_states_types_and_words_but_no_value(role: str) -> None:
    specs = load(tree.ROOT / "roles" / role / "meta" / "argument_specs.yml") or {}
    for entry in (specs.get("argument_specs") or {}).values():
        for option in spec_entries(entry.get("options")):
            assert "default" not in option
            assert option.get("type")
            assert option.get("description")
    assert "{{" not in yaml.safe_dump(specs)


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_of_a_role_carries_its_prefix(role: str) -> None:
    names = set(load(tree.ROOT / "roles" / role / "defaults" / "main.yml") or {})
    names |= set(load(tree.ROOT / "roles" / role / "vars" / "main.yml") or {})
    for path in tree.files(f":(glob)roles/{role}/tasks/**/*.yml"):
        names |= set(re.findall(r"^\s*register:\s*(\w+)", tree.text(path), re.MULTILINE))
    stray = {n for n in names if not n.startswith((f"{role}_", f"__{role}_"))}
    assert not stray


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_first_page_is_a_table_of_contents(role: str) -> None:
    """`tasks/main.yml`, where a role has one, names its chapters and does nothing itself."""
    for task in load(tree.ROOT / "roles" / role / "tasks" / "main.yml") or []:
        modules = set(task) - {"name", "when", "vars"}
        assert modules == {"ansible.builtin.import_tasks"}, task


@pytest.mark.parametrize("role", ROLES)
def test_a_role_knows_no_groups_and_hides_no_error(role: str) -> None:
    for path in tree.files(f":(glob)roles/{role}/**/*.yml", f":(glob)roles/{role}/**/*.j2"):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            assert not re.search(r"ignore_errors:|\bgroups\[", line), f"{tree.name(path)}:{number}"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_small_scenario(role: str) -> None:
    assert (tree.ROOT / "roles" / role / "molecule" / "default" / "molecule.yml").is_file()


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda p: p.stem)
def test_a_playbook_names_its_roles_and_tags_them_so(path: Path) -> None:
    for play in load(path):
        assert len(play.get("name", "").split()) >= 2, "one sentence says what the play is for"
        assert not ("roles" in play and "tasks" in play), "either roles or tasks"
        for role in play.get("roles", []):
            tags = [*listed(play.get("tags")), *listed(role.get("tags"))]
            assert role["role"] in tags, role


def test_every_template_of_a_host_file_says_who_wrote_it() -> None:
    """Not the ones that are read by a person or a program as they are: each with its reason."""
    exempt = {
        "roles/release/templates/app.env.j2": "its content is the configuration hash",
        "roles/postgres/templates/schema.sql.j2": "fed to psql, never installed",
        "roles/release/templates/plan.txt.j2": "printed on the terminal, never installed",
    }
    for path in tree.files(":(glob)roles/*/templates/**/*.j2"):
        first = tree.text(path).splitlines()[0] if tree.text(path) else ""
        second = "\n".join(tree.text(path).splitlines()[:2])
        if tree.name(path) not in exempt:
            assert "ansible_managed | comment" in (second if first.startswith("#") else first), (
                tree.name(path)
            )
