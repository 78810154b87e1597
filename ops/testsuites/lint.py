"""The lint suite: each check is one test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ops.testsuites.parts import Part

PACKAGES = (
    *("app", "ops", "infra", "chaos", "loadtests", "monitoring"),
    *("ansible_collections/dash", "tests"),
)
BASELINE = ".secrets.baseline"


def tracked(root: Path, *patterns: str) -> list[str]:
    """Return the files of the checkout that git does not ignore, relative to it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (root / name).is_file())


def shell_scripts(root: Path) -> list[str]:
    """Return the files whose first line says that a shell runs them."""
    found = []
    for name in tracked(root):
        with (root / name).open("rb") as file:
            first = file.readline(64)
        if first.startswith(b"#!") and first.split()[-1].split(b"/")[-1] in {b"sh", b"bash"}:
            found.append(name)
    return found


def parts(root: Path) -> list[Part]:
    """Return the checks of this checkout."""
    bin_ = Path(sys.executable).parent
    packages = [name for name in PACKAGES if (root / name).is_dir()]
    requirements = sorted(f"requirements/{p.name}" for p in (root / "requirements").glob("*.txt"))
    checks: dict[str, list[str]] = {
        "ruff": [f"{bin_}/ruff", "check", "--cache-dir", ".dash/cache/ruff", "."],
        "format": [
            f"{bin_}/ruff",
            "format",
            "--check",
            "--cache-dir",
            ".dash/cache/ruff",
            ".",
        ],
        "mypy": [sys.executable, "-m", "mypy", *packages],
        "yamllint": [f"{bin_}/yamllint", "--strict", *tracked(root, "*.yml", "*.yaml")],
        "ansible-lint": [
            f"{bin_}/ansible-lint",
            "--offline",
            "--profile",
            "production",
            "-q",
            "--nocolor",
        ],
        "shellcheck": [f"{bin_}/shellcheck", *shell_scripts(root)],
        "secrets": [f"{bin_}/detect-secrets-hook", "--baseline", BASELINE, *tracked(root)],
        "vulnerabilities": [sys.executable, "-m", "ops.testsuites.audit", *requirements],
    }
    return [Part(suite="lint", name=f"lint-{name}", argv=tuple(c)) for name, c in checks.items()]
