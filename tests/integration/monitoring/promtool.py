"""promtool and amtool of the host image."""

from __future__ import annotations

from pathlib import Path

import yaml

from infra.podman import image, runtime


def order(rules: Path) -> list[str]:
    """Return the names of all groups, those that record first: promtool takes them at random."""
    files = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in sorted(rules.glob("*.yml"))]
    groups = [group for file in files for group in file["groups"]]
    groups.sort(key=lambda group: not any("record" in rule for rule in group["rules"]))
    return [str(group["name"]) for group in groups]


def run(folder: Path, *commands: str) -> str:
    """Run shell commands in a folder that they see as theirs; return all that they said."""
    name = image.ensure()
    script = "\n".join(f"{{ {command}; }} 2>&1" for command in commands)
    return runtime.podman(
        "run", "--rm", "--network", "none", "--tmpfs", "/tmp", "--volume", f"{folder}:/work:ro",
        "--workdir", "/work", name, "sh", "-c", script, check=False, timeout=280,
    )  # fmt: skip
