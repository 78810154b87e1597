"""Render a role's templates as Ansible does, with the role's own values; undefined is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[2]
ROLES = ROOT / "roles"
WIRING = ROOT / "playbooks/group_vars/all/wiring.yml"

# What a play gives every host, whatever its roles.
HOST = {
    "ansible_managed": "Managed by a test",
    "inventory_hostname": "edge-1",
    "dash_root": str(ROOT),
    "dash_state_dir": "/state",
    "dash_public_url": "https://127.0.0.1:8443",
    "dash_preview_url": "https://127.0.0.1:8444",
}

# What plays hand over to a template beyond that.
HANDED_OVER: dict[str, dict[str, Any]] = {
    "base/volume.conf.j2": {"base_volume": {"mount": "/srv/data", "unit": "data.service"}},
    "exporter/exporter-override.conf.j2": {"item": "node"},
    "release/plan.txt.j2": {
        "release_rows_at_risk": {"down": [{"id": "0002_b", "risk": [{"what": "t.c", "rows": 7}]}]},
        "release_decided": {
            "plan": {
                "kind": "rollback",
                "version": "1.2.3",
                "digest": "d" * 64,
                "from_color": "blue",
                "to_color": "green",
                "previous": None,
                "warm": False,
                "config_hash": "c" * 64,
                "down": ["0002_b"],
            }
        },
    },
}


def values(path: Path) -> dict[str, Any]:
    """Return what a YAML file of ours holds, its expressions ready to be templated."""
    if not path.is_file():
        return {}
    return dict(DataLoader().load_from_file(str(path), trusted_as_template=True) or {})


def variables(role: str, **given: Any) -> dict[str, Any]:
    """Return a role's variables as Ansible ranks them: its vars, what is given, its defaults."""
    folder = ROLES / role
    defaults = values(folder / "defaults/main.yml")
    return {**HOST, **defaults, **values(folder / "vars/main.yml"), **given}


def evaluate(expression: str, known: dict[str, Any]) -> Any:
    """Return what an expression, or a text with some, comes to. Raises AnsibleError."""
    return Templar(loader=DataLoader(), variables=known).template(trust_as_template(expression))


def render(role: str, template: str, **given: Any) -> str:
    """Return a template's text with the role's real defaults and what is given.

    Raises:
        AnsibleUndefinedVariable: it names a variable that nobody sets.
    """
    source = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
    handed = {**HANDED_OVER.get(f"{role}/{template}", {}), **given}
    return str(evaluate(source, variables(role, **handed)))


def unit(text: str) -> dict[str, dict[str, list[str]]]:
    """Parse a unit file: section, name, values in their order."""
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            current.setdefault(name, []).append(value)
    return sections
