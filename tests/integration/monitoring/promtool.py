"""promtool and amtool of the host image."""

from __future__ import annotations

from pathlib import Path

import yaml

from infra.podman import image, runtime


def run(folder: Path, *commands: str) -> str:
    """Run shell commands in a folder that they see as theirs; return all that they said."""
    name = image.ensure()
    script = "\n".join(f"{{ {command}; }} 2>&1" for command in commands)
    return runtime.podman(
        "run", "--rm", "--network", "none", "--tmpfs", "/tmp", "--volume", f"{folder}:/work:ro",
        "--workdir", "/work", name, "sh", "-c", script, check=False, timeout=280,
    )  # fmt: skip


def groups(rules: Path) -> list[str]:
    """Return the groups of rules as their files have them.

    promtool evaluates those that it is given no order for in another one every time, and what
    depends on another group is then a step late now and then.
    """
    files = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in sorted(rules.glob("*.yml"))]
    return [group["name"] for file in files for group in file["groups"]]
