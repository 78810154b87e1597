"""The version of a checkout: `python -m ops.version [DIR]`.

A version names one content for ever, so whatever is not a clean tag carries what makes it
different: `1.2.0` on its tag, `1.2.0+g<commit>` off it, `1.2.0+g<commit>.t<tree>` with uncommitted
changes, `1.2.0+t<content>` where there is no git history.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

COMMIT_DIGITS = 8
TREE_DIGITS = 8
# Safe as a directory name, in a systemd unit and in a file name that uses "-" as a separator.
_SAFE = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc|\.dev|\.post)[0-9]+)?")
_SKIPPED_DIRECTORIES = {"__pycache__", "tests"}


class BuildError(Exception):
    """Something that a person has to mend before an artifact can be built; its text is one line."""


@dataclass(frozen=True)
class Checkout:
    """What git knows of a source tree.

    Args:
        source: the directory that holds `app/`.
        commit: full hash of HEAD, "" without history.
        tree: full hash of the tree as it lies there, uncommitted changes included.
        clean: whether that tree is HEAD's.
        tags: the tags that point at HEAD.
    """

    source: Path
    commit: str = ""
    tree: str = ""
    clean: bool = False
    tags: frozenset[str] = frozenset()


def normalise(version: str) -> str:
    """Return a version as users may type it (` v1.2.0`) in its one written form (`1.2.0`)."""
    return version.strip().removeprefix("v")


def base_version(source: Path) -> str:
    """Return `__version__` of `<source>/app/__init__.py`, read without importing it.

    Raises:
        BuildError: when the file or a plain, safe version in it is missing.
    """
    path = source / "app" / "__init__.py"
    try:
        module = ast.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BuildError(f"{path} is missing: {source} is not a checkout of Dash") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise BuildError(f"{path} is not Python: {error}") from None
    found = [_literal(node) for node in module.body if _assigns_version(node)]
    if not found or not _SAFE.fullmatch(found[-1]):
        said = repr(found[-1]) if found else "nothing"
        raise BuildError(f'{path} says {said} for __version__: write __version__ = "1.2.3"')
    return found[-1]


def _assigns_version(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(x, ast.Name) and x.id == "__version__" for x in node.targets)
    return (
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "__version__"
    )


def _literal(node: ast.stmt) -> str:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def read_checkout(source: Path) -> Checkout:
    """Return what git knows of `source`; an empty answer when it has no history of its own.

    Raises:
        BuildError: when there is history but git cannot read it.
    """
    source = source.resolve()
    if not (source / ".git").exists():
        return Checkout(source)
    if _git(source, "rev-parse", "--verify", "--quiet", "HEAD", check=False) == "":
        return Checkout(source)
    commit = _git(source, "rev-parse", "HEAD")
    tree = _tree_as_it_lies(source)
    tags = frozenset(_git(source, "tag", "--points-at", "HEAD").split())
    clean = tree == _git(source, "rev-parse", "HEAD^{tree}")
    return Checkout(source, commit, tree, clean, tags)


def version_of(checkout: Checkout) -> str:
    """Return the version of a source tree; see the module's docstring for its forms."""
    base = base_version(checkout.source)
    if not checkout.commit:
        return f"{base}+t{_content_hash(checkout.source)[:TREE_DIGITS]}"
    if checkout.clean and checkout.tags & {base, f"v{base}"}:
        return base
    version = f"{base}+g{checkout.commit[:COMMIT_DIGITS]}"
    return version if checkout.clean else f"{version}.t{checkout.tree[:TREE_DIGITS]}"


def package_files(checkout: Checkout) -> list[str]:
    """Return the files of `app/` that belong to a release, relative to the source, sorted.

    With git these are the files it tracks or would track: what it ignores is not part of the
    version either. Tests, caches and hidden files stay out.

    Raises:
        BuildError: when one is neither a file nor a directory (a link, a socket).
    """
    root = checkout.source
    if checkout.tree:
        listed = _git(root, "ls-files", "-z", "-co", "--exclude-standard", "--", "app").split("\0")
    else:
        listed = [str(path.relative_to(root)) for path in (root / "app").rglob("*")]
    names = sorted({name for name in listed if name and _belongs(name)})
    for name in names:
        if (root / name).is_symlink():
            raise BuildError(f"{root / name} is a symbolic link: a release takes plain files only")
    return [name for name in names if (root / name).is_file()]


def requirements_of(source: Path) -> Path:
    """Return the file of pins whose wheels go into the artifact."""
    return source / "requirements" / "app.txt"


def _belongs(name: str) -> bool:
    parts = name.split("/")
    return not any(
        part.startswith(".") or part in _SKIPPED_DIRECTORIES for part in parts
    ) and not name.endswith((".pyc", "~"))


def _content_hash(source: Path) -> str:
    """Hash what an artifact is made of, names and bytes."""
    names = [Path(name) for name in package_files(Checkout(source))]
    if requirements_of(source).is_file():
        names.append(requirements_of(source).relative_to(source))
    digest = hashlib.sha256()
    for name in names:
        content = hashlib.sha256((source / name).read_bytes()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


def _tree_as_it_lies(source: Path) -> str:
    """Return the tree hash that a commit of everything not ignored would have.

    Works on a copy of the index and in an object directory of its own, so that a person's staged
    changes are not touched and no loose objects are left behind.
    """
    objects = source / _git(source, "rev-parse", "--git-path", "objects")
    index = source / _git(source, "rev-parse", "--git-path", "index")
    with tempfile.TemporaryDirectory(prefix="dash-tree-") as scratch:
        own = Path(scratch) / "index"
        if index.is_file():  # spares hashing what has not changed
            own.write_bytes(index.read_bytes())
        # A quoted path: git unquotes it, so that a checkout may lie under any name
        alternate = '"' + str(objects).replace("\\", "\\\\").replace('"', '\\"') + '"'
        env = {
            "GIT_INDEX_FILE": str(own),
            "GIT_OBJECT_DIRECTORY": scratch,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": alternate,
        }
        _git(source, "add", "-A", env=env)
        return _git(source, "write-tree", env=env)


def _git(source: Path, *words: str, env: dict[str, str] | None = None, check: bool = True) -> str:
    # GIT_* of the caller (a hook, a rebase) would point git at another repository or index
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(source), *words],
            env=clean | {"LC_ALL": "C"} | (env or {}),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise BuildError(
            "git is not installed, and the version comes from it: apt-get install git"
        ) from None
    if done.returncode and (check or done.stderr.strip()):
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        hint = next((f": type {x.strip()}" for x in lines if x.strip().startswith("git ")), "")
        raise BuildError(f"git {words[0]} in {source}: {lines[0]}{hint}")
    return done.stdout.strip("\n")


def main(argv: list[str] | None = None) -> int:
    """Print the version of the checkout given as the only word (default: this directory)."""
    words = sys.argv[1:] if argv is None else argv
    if len(words) > 1 or any(word.startswith("-") for word in words):
        sys.stderr.write("usage: python -m ops.version [DIR]\n")
        return 2
    try:
        sys.stdout.write(version_of(read_checkout(Path(*words))) + "\n")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
