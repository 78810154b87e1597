"""The experiments themselves: what chaostoolkit wants of them, and what we want besides."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import ensure_experiment_is_valid

from chaos import metadata
from chaos.metadata import BadExperiment
from tests.unit.chaos.world import stack

ROOT = Path(__file__).resolve().parents[3]
NAMES = metadata.names()
ABOUT = {"name": "dash", "group": "app", "weight": 1, "target_recovery_seconds": 1, "takes": 1}


@pytest.mark.parametrize("name", NAMES)
def test_chaostoolkit_takes_it_with_every_module_and_argument(name: str) -> None:
    ensure_experiment_is_valid(metadata.load(name))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_of_itself_what_it_must_and_is_undone_whatever_happens(name: str) -> None:
    experiment = metadata.load(name)
    about = metadata.of(experiment)

    assert experiment["runtime"]["rollbacks"] == {"strategy": "always"}
    assert "strategy" in experiment["runtime"]["hypothesis"]
    assert [c["provider"]["module"] for c in experiment["controls"]] == [
        "chaos.control",
        "chaosaddons.controls.safeguards",
    ]
    assert experiment["rollbacks"]
    assert metadata.name_of(experiment["title"]) == name
    for alert in about.alerts:
        assert (ROOT / "docs" / "runbooks" / f"{alert}.md").exists(), alert


def test_a_suite_is_what_has_its_tag_and_breaks_nothing_but_the_idle_colour() -> None:
    proved = metadata.chosen("prove")

    assert (metadata.chosen("all"), metadata.chosen("app_stopped")) == (NAMES, ["app_stopped"])
    assert len(proved) >= 3
    for name in proved:
        experiment = metadata.load(name)
        steps = [*experiment["method"], *experiment["rollbacks"]]
        hosts = {s["provider"]["arguments"]["host"] for s in steps if s["type"] == "action"}
        assert (hosts, metadata.of(experiment).address) == ({"idle-1"}, "preview"), name


def test_a_title_belongs_to_one_experiment() -> None:
    titles = [metadata.load(name)["title"] for name in NAMES]
    assert len(set(titles)) == len(titles)


def test_one_that_is_not_ours_is_named_by_its_title() -> None:
    assert metadata.name_of("What if the moon falls?") == "what_if_the_moon_falls"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weight": 6}, r"x: extensions\.dash\.weight: .*less than or equal to 5"),
        ({"wieght": 5}, r"x: extensions\.dash\.wieght: Extra inputs"),
        ({"group": "moon"}, r"x: extensions\.dash\.group: Input should be 'app'"),
        ({"in_flight": {"post": -1}}, r"x: extensions\.dash\.in_flight\.post: .*equal to 0"),
    ],
)
def test_what_it_says_wrong_of_itself_is_told_in_one_line(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadExperiment, match=said) as told:
        metadata.of({"title": "x", "extensions": [{**ABOUT, **changed}]})
    assert "\n" not in str(told.value)


def test_one_that_says_nothing_of_itself_is_refused() -> None:
    with pytest.raises(BadExperiment, match="x: it needs one extension named dash, and has 0"):
        metadata.of({"title": "x"})


def test_an_unknown_name_is_told_with_those_that_are_known() -> None:
    with pytest.raises(BadExperiment, match=re.escape(f"'moon': known are all, prove, {NAMES[0]}")):
        metadata.load("moon")


@pytest.mark.parametrize(
    ("requires", "said"),
    [
        ({}, ""),
        ({"app_hosts": 2}, "it needs dash:app_hosts 2, lab has 1"),
        ({"edge_hosts": 2}, "it needs dash:edge_hosts 2, lab has 1"),
        ({"provider": "aws"}, "it needs hosts from aws, not from podman"),
        ({"simulator": True}, ""),
    ],
)
def test_what_a_stack_lacks_is_said(tmp_path: Path, requires: dict[str, Any], said: str) -> None:
    about = metadata.of({"title": "x", "extensions": [{**ABOUT, "requires": requires}]})
    assert about.lacking(stack(tmp_path)) == said


def test_a_stack_without_the_simulator_has_no_provider_to_break(tmp_path: Path) -> None:
    known = stack(tmp_path)
    hosts = {name: host for name, host in known.hosts.items() if host.role != "simulator"}
    about = metadata.of({"title": "x", "extensions": [{**ABOUT, "requires": {"simulator": True}}]})
    lacking = about.lacking(dataclasses.replace(known, hosts=hosts))
    assert lacking == "it needs the providers' simulator, which lab has not"


def test_a_stack_without_a_monitor_can_show_no_alert(tmp_path: Path) -> None:
    about = metadata.of({"title": "x", "extensions": [ABOUT]})
    lacking = about.lacking(stack(tmp_path, dash_monitor_urls={}))
    assert lacking == "it needs a monitor, which lab has not"
