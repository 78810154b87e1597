"""promtool and amtool of the host image."""

from __future__ import annotations

from pathlib import Path

from infra.podman import image, runtime


def run(folder: Path, *commands: str) -> str:
    """Run shell commands in a folder that they see as theirs; return all that they said."""
    name = image.ensure()
    script = "\n".join(f"{{ {command}; }} 2>&1" for command in commands)
    return runtime.podman(
        "run", "--rm", "--network", "none", "--tmpfs", "/tmp", "--volume", f"{folder}:/work:ro",
        "--workdir", "/work", name, "sh", "-c", script, check=False, timeout=280,
    )  # fmt: skip
