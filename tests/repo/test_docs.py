"""What the documents say can be typed, opened and found."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app import openapi, routes
from ops import cli
from ops.testsuites import catalogue
from ops.variables import KNOWN
from tests.repo import apireference, reference, tree

DOCS = tree.files("*.md")
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
OUR_FOLDERS = (
    "app",
    "docs",
    "infra",
    "ops",
    "playbooks",
    "requirements",
    "roles",
    "tests",
    "tools",
)
PLACEHOLDER = re.compile(r"[A-Z…<>\[\]|*{]|\.\.\.|NNNN")


@dataclass(frozen=True)
class Command:
    """Something a document tells people to type."""

    where: str
    words: tuple[str, ...]


def typed(path: Path) -> Iterator[Command]:
    """Yield the commands of a document: from code blocks, and from inline code."""
    lines = [(line, True) for line in tree.fences(path)]
    lines += [(match, False) for match in INLINE.findall(tree.text(path))]
    for line, _block in lines:
        for piece in re.split(r"&&|\|\|?|;|\$\(|\)", line.split("  #")[0].split(" # ")[0]):
            try:
                words = shlex.split(piece.strip().strip('"'), comments=True)
            except ValueError:
                continue  # prose with an apostrophe
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words:
                yield Command(f"{tree.name(path)}: {piece.strip()}", tuple(words))


@cache
def everything() -> list[Command]:
    """Return all that documents tell people to type."""
    return [c for path in DOCS for c in typed(path)]


def commands(program: str) -> list[Command]:
    """Return all documented uses of a program."""
    return [c for c in everything() if c.words[0] == program]


@cache
def dash() -> Any:
    """Return `./dash` as its library has it."""
    return get_command(cli.app)


def verbs() -> dict[str, Any]:
    """Return the verbs of `./dash` with their parameters."""
    return dict(dash().commands)


def options_of(command: Any) -> set[str]:
    """Return the options that a verb takes."""
    return {name for parameter in command.params for name in getattr(parameter, "opts", [])}


def test_the_documents_tell_people_to_type_something() -> None:
    """The reader of commands finds them: without any, the next tests would pass for ever."""
    assert len(commands("./dash")) > 20
    assert {"up", "test", "deploy"} <= {c.words[1] for c in commands("./dash") if c.words[1:]}


def test_every_documented_verb_and_option_of_dash_exists() -> None:
    known, wrong = verbs(), []
    for command in commands("./dash"):
        words = [w for w in command.words[1:] if w != "…"]
        common = options_of(dash()) | {"--help"}
        while words and words[0].startswith("--"):
            words = words[2:] if words[0] == "--stack" else words[1:]
        if not words or PLACEHOLDER.search(words[0]):
            continue
        verb, rest = words[0], words[1:]
        if "--" in rest:
            rest = rest[: rest.index("--")]  # what follows is another program's
        if verb not in known:
            wrong.append(f"{command.where}: no verb {verb}")
            continue
        takes = options_of(known[verb]) | common
        passes_on = known[verb].context_settings.get("ignore_unknown_options", False)
        for word in rest:
            option = word.split("=")[0]
            if option.startswith("--") and option not in takes and not passes_on:
                wrong.append(f"{command.where}: {verb} has no {option}")
    assert not wrong, "\n".join(wrong)


def test_every_documented_suite_of_tests_exists() -> None:
    for command in commands("./dash"):
        if command.words[1:2] == ("test",):
            for word in command.words[2:]:
                allowed = (*catalogue.SUITES, "--all", "--restart")
                assert word in allowed or PLACEHOLDER.search(word), command.where


def test_every_documented_playbook_exists() -> None:
    found = commands("ansible-playbook")
    assert found
    for command in found:
        for word in command.words[1:]:
            if word.endswith((".yml", ".yaml")):
                assert (tree.ROOT / word).is_file(), command.where


def test_every_documented_module_can_be_run() -> None:
    for command in commands("python") + commands("python3"):
        if PLACEHOLDER.search(" ".join(command.words)):
            continue
        if command.words[1:2] == ("-m",) and command.words[2].split(".")[0] in OUR_FOLDERS:
            path = tree.ROOT / command.words[2].replace(".", "/")
            runs = path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
            assert runs, command.where


def test_every_documented_path_exists() -> None:
    wrong = []
    for path in DOCS:
        for code in INLINE.findall(tree.text(path)):
            first = code.split()[0].partition("::")[0]  # a test in a file
            if first.split("/")[0] not in OUR_FOLDERS or "/" not in first:
                continue
            if PLACEHOLDER.search(first) or "://" in first:
                continue
            if not (tree.ROOT / first.rstrip("/.,:")).exists():
                wrong.append(f"{tree.name(path)}: {first}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DOCS, ids=tree.name)
def test_links_lead_to_files_and_headings_that_are_there(path: Path) -> None:
    for target in LINK.findall(tree.text(path)):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, heading = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{tree.name(path)}: {target}"
        if heading:
            assert heading in anchors(there), f"{tree.name(path)}: {target}"


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", tree.text(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in found}


def test_every_decision_is_listed_and_has_its_four_words() -> None:
    index = tree.text(tree.ROOT / "docs" / "decisions" / "README.md")
    pages = [p for p in tree.files("docs/decisions") if p.name != "README.md"]
    assert pages
    for page in pages:
        assert f"]({page.name})" in index, page.name
        for word in ("**About.**", "**Chosen.**", "**Costs.**"):
            assert word in tree.text(page), f"{page.name}: {word}"


def test_every_variable_of_the_tools_is_documented() -> None:
    text = "\n".join(tree.text(p) for p in DOCS)
    assert not [name for name in KNOWN if name not in text]


def test_the_services_settings_are_documented_as_they_are() -> None:
    text = tree.text(reference.PAGE)
    assert reference.page(text) == text, "type: python -m tests.repo.reference"
    assert "`DASH_APP_PORT`" in text


def test_the_api_is_documented_as_it_is() -> None:
    text = tree.text(apireference.PAGE)
    assert apireference.page(text) == text, "type: python -m tests.repo.reference"


def test_every_route_of_the_api_is_documented_with_all_that_it_says() -> None:
    text = tree.text(apireference.PAGE)
    described = [route for route in routes.PUBLIC if not route.page]
    assert len(described) > 20
    for route in described:
        path = openapi._VARIABLE.sub(r"{\1}", route.path)
        (part,) = re.findall(rf"(?ms)^### `{route.method} {re.escape(path)}`$(.*?)^##", text)
        assert f"`{route.permission}`" in part or not route.permission
        for status in openapi.statuses(route):
            assert re.search(rf"^\| errors \|.*\b{status}\b", part, re.MULTILINE), (path, status)
        for model in (route.body, route.answer):
            assert model is None or f"[{model.__name__}](#" in part, (path, model)
    assert "(agents.md)" in text


def test_every_variable_that_the_code_reads_is_known() -> None:
    """`DASH_APP_*` are the service's settings, `DASH_TEST_*` the tests' own; each has its list."""
    wrong = []
    for path in tree.files("ops/*.py", "infra/*.py", "ansible_collections/*.py", "dash", ".ci/run"):
        found = set(re.findall(r"\bDASH_[A-Z][A-Z_]*[A-Z]\b", tree.text(path))) - set(KNOWN)
        strange = sorted(n for n in found if not n.startswith(("DASH_APP", "DASH_TEST")))
        wrong += [f"{tree.name(path)}: {name}" for name in strange]
    assert not wrong, "\n".join(wrong)


def test_the_changelog_has_something_to_tell() -> None:
    text = tree.text(tree.ROOT / "CHANGELOG.md")
    first = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    assert re.search(r"^- \S+", first, re.MULTILINE), "the newest section has no line"
    assert re.match(r"Unreleased|\d+\.\d+\.\d+", first)
