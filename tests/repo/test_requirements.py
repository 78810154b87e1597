"""What is installed: pinned by hash, from no named place, nothing more than is asked for."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repo import tree

GROUPS = ("app", "ops", "test", "bootstrap")
MADE_WITH = "type tools/lock"
# Licences under which we may ship or use a package, as SPDX names and as older packages say them.
LICENCES = re.compile(
    r"0BSD|Apache|BSD|GPL-[23]|GPLv[23]|GNU General Public License|ISC|LGPL|MIT|MPL"
    r"|Mozilla Public License|PSF|Python Software Foundation|Unlicense|Zlib|ZPL-2",
    re.IGNORECASE,
)
# Into the artifact that is handed on: licences that ask nothing of the service around them.
SHIPPED = re.compile(r"Apache|BSD|ISC|LGPL|MIT|MPL|PSF|Python Software Foundation", re.IGNORECASE)
NO_LICENCE_FIELD = {"prometheus-client": "Apache-2.0 in its LICENSE file"}


@cache
def pins(group: str) -> dict[str, Requirement]:
    """Return the pinned packages of a requirement file by canonical name."""
    lines = tree.text(tree.ROOT / "requirements" / f"{group}.txt").splitlines()
    found = [Requirement(x.rstrip(" \\")) for x in lines if re.match(r"[a-zA-Z0-9]", x)]
    return {canonicalize_name(r.name): r for r in found}


def version(requirement: Requirement) -> str:
    """Return the version of a pin."""
    return next(iter(requirement.specifier)).version


@cache
def wanted(group: str) -> tuple[Requirement, ...]:
    """Return what a group of pyproject.toml asks for, with the groups it includes."""
    groups = tomllib.loads(tree.text(tree.ROOT / "pyproject.toml"))["dependency-groups"]
    found: list[Requirement] = []
    for entry in groups[group]:
        if isinstance(entry, str):
            found.append(Requirement(entry))
        else:
            found.extend(wanted(entry["include-group"]))
    return tuple(found)


def reached(group: str) -> set[str]:
    """Return the packages that the group's own wishes lead to, by installed metadata."""
    todo = [(canonicalize_name(r.name), frozenset(r.extras)) for r in wanted(group)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform or Python
        todo += [
            (canonicalize_name(need.name), frozenset(need.extras))
            for need in map(Requirement, needs)
            if need.marker is None or _may_apply(need.marker, extras)
        ]
    return {name for name, _ in seen}


def _may_apply(marker: Marker, extras: frozenset[str]) -> bool:
    """Tell whether a marker holds for some platform; its extra must be among those asked for."""
    text = str(marker)
    if "extra ==" not in text:
        return True
    return any(re.search(rf"extra == ['\"]{re.escape(e)}['\"]", text) for e in extras)


@pytest.mark.parametrize("group", GROUPS)
def test_every_package_is_pinned_to_one_version_by_hash(group: str) -> None:
    text = tree.text(tree.ROOT / "requirements" / f"{group}.txt")
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", text)
    assert len(pins(group)) == len(blocks)
    for block in blocks:
        assert re.match(r"[\w.\[\],-]+==\S+", block), block.splitlines()[0]
        assert "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.parametrize("path", tree.files("requirements/*"), ids=lambda p: p.name)
def test_no_requirement_names_a_place(path: Path) -> None:
    text = tree.text(path)
    assert not re.search(r"://|^\s*--?(index|extra|find|i |f )|^\s*-e|@ ", text, re.MULTILINE)


@pytest.mark.parametrize("group", GROUPS)
def test_requirements_are_what_pyproject_asks_for(group: str) -> None:
    for wish in wanted(group):
        pin = pins(group).get(canonicalize_name(wish.name))
        assert pin is not None, f"{wish} is not in requirements/{group}.txt: {MADE_WITH}"
        assert wish.specifier.contains(version(pin)), f"{pin} is not {wish}: {MADE_WITH}"


@pytest.mark.parametrize("group", ["app", "ops"])
def test_one_version_of_a_package_in_all_files(group: str) -> None:
    for name, pin in pins(group).items():
        assert version(pin) == version(pins("test")[name]), f"{name} differs: {MADE_WITH}"


@pytest.mark.parametrize("group", ["app", "ops", "test"])
def test_nothing_is_pinned_that_nobody_asks_for(group: str) -> None:
    assert not set(pins(group)) - reached(group)


@pytest.mark.parametrize("group", ["app", "ops", "test"])
def test_what_is_installed_is_what_is_pinned(group: str) -> None:
    """The tests speak of the pinned versions only when those are the ones that ran."""
    for name, pin in pins(group).items():
        if pin.marker is None or pin.marker.evaluate():
            assert importlib.metadata.version(name) == version(pin), name


@pytest.mark.parametrize("group", ["app", "ops", "test"])
def test_licences_are_known_and_allowed(group: str) -> None:
    allowed = SHIPPED if group == "app" else LICENCES
    for name, pin in pins(group).items():
        if pin.marker is not None and not pin.marker.evaluate():
            continue
        said = licence(name)
        assert said or name in NO_LICENCE_FIELD, f"{name} names no licence"
        assert not said or allowed.search(said), f"{name}: {said}"


def licence(name: str) -> str:
    """Return what a package says of its licence, from the newest field that it fills."""
    about = importlib.metadata.metadata(name)
    classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
    return str(
        about.get("License-Expression") or "; ".join(classifiers) or about.get("License") or ""
    )[:200]
