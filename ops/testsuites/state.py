"""What a long run remembers: which parts passed, for exactly which tree."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ops.testsuites.junit import Counts


def tree_hash(root: Path) -> str:
    """Return a digest of every file of the checkout that git does not ignore.

    Raises:
        subprocess.CalledProcessError: `root` is no git checkout.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout
    digest = hashlib.sha256()
    for name in sorted(set(listed.split(b"\0")) - {b""}):
        path = root / os.fsdecode(name)
        if path.is_symlink():
            content = bytes(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        else:
            continue  # deleted, not yet committed
        digest.update(b"%d %s %d\n" % (len(name), name, len(content)))
        digest.update(content)
    return digest.hexdigest()


@dataclass
class Progress:
    """The parts of one tree that passed, kept in a file after each of them."""

    path: Path
    tree: str
    passed: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, tree: str) -> Progress:
        """Return what is remembered of `tree`; of another tree, nothing."""
        try:
            document = json.loads(path.read_text("utf-8"))
            passed = document["passed"] if document["tree"] == tree else {}
        except (OSError, ValueError, KeyError, TypeError):
            passed = {}
        return cls(path, tree, dict(passed))

    def record(self, part: str, counts: Counts, seconds: float) -> None:
        """Remember that a part passed."""
        self.passed[part] = {
            "passed": counts.passed,
            "skipped": counts.skipped,
            "seconds": round(seconds, 1),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"tree": self.tree, "passed": self.passed}, indent=1), "utf-8")
        fresh.replace(self.path)

    def forget(self) -> None:
        """Forget everything."""
        self.passed.clear()
        self.path.unlink(missing_ok=True)
