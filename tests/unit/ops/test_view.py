"""What the hosts said becomes one document and one table."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from ops import view
from ops.console import UserError

BLUE = {"version": "1.1.0", "digest": "b" * 64, "config_hash": "c" * 64}
GREEN = {"version": "1.0.0", "digest": "a" * 64, "config_hash": "c" * 64}


def facts() -> dict[str, dict[str, Any]]:
    return {
        "edge-1": {"role": "edge", "color": "", "active": "blue", "haproxy_active": True,
                   "address": "10.89.50.11", "lease": None, "operation": None},
        "app-blue-1": {"role": "app", "color": "blue", "current": BLUE, "unit": "active",
                       "ready": True, "address": "10.89.50.21"},
        "app-green-1": {"role": "app", "color": "green", "current": GREEN, "unit": "active",
                        "ready": True, "address": "10.89.50.31"},
        "db-1": {"role": "db", "color": "", "reachable": True, "address": "10.89.50.41",
                 "migrations": [{"id": "0001_initial", "class": "expand", "checksum": "x"}]},
    }  # fmt: skip


def text(renderable: Any) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_status_names_the_active_colour_its_version_and_every_host() -> None:
    document = view.status("lab", facts())

    assert document["active"] == {"color": "blue", "version": "1.1.0", "digest": "b" * 64}
    assert document["hosts"][0] == {
        "name": "app-blue-1", "role": "app", "color": "blue", "address": "10.89.50.21",
        "version": "1.1.0", "unit": "active", "ready": True, "why": None,
    }  # fmt: skip
    assert [host["name"] for host in document["hosts"]] == [
        "app-blue-1", "app-green-1", "db-1", "edge-1"
    ]  # fmt: skip
    assert document["schema"] == {
        "head": "0001_initial", "applied": [{"id": "0001_initial", "class": "expand"}]
    }  # fmt: skip
    assert document["operation"] is document["lease"] is None


def test_a_host_that_does_not_answer_is_unreachable_and_not_ready() -> None:
    seen = facts()
    seen["app-green-1"] = {"role": "app", "color": "green", "unreachable": True}
    host = view.status("lab", seen)["hosts"][1]

    assert (host["unit"], host["ready"], host["version"]) == ("unreachable", False, None)
    assert host["why"] is None


def test_a_host_that_does_not_answer_says_why_where_its_cloud_knows() -> None:
    seen = facts()
    seen["app-green-1"] = {
        "role": "app", "color": "green", "unreachable": True, "why": "i-1 is stopped",
        "cure": "start it",
    }  # fmt: skip
    document = view.status("lab", seen)

    assert document["hosts"][1]["why"] == "i-1 is stopped. Next: start it"
    assert "app-green-1: i-1 is stopped. Next: start it" in text(view.status_table(document))


def test_edges_that_disagree_are_told_as_such() -> None:
    seen = facts()
    seen["edge-2"] = {**seen["edge-1"], "active": "green"}

    document = view.status("lab", seen)

    assert document["active"] == {"color": "disagree", "version": None, "digest": None}
    assert "the edges disagree" in text(view.status_table(document))


def test_a_colour_half_way_between_two_versions_has_no_version() -> None:
    seen = facts()
    seen["app-blue-2"] = {**seen["app-blue-1"], "current": GREEN}

    document = view.status("lab", seen)

    assert document["active"]["version"] is None
    assert "no single version on blue" in text(view.status_table(document))


def test_before_the_first_release_nothing_is_active() -> None:
    seen = facts()
    seen["edge-1"]["active"] = "none"
    for name in ("app-blue-1", "app-green-1"):
        seen[name] |= {"current": None, "unit": "inactive", "ready": False}
    document = view.status("lab", seen)

    assert document["active"] == {"color": "none", "version": None, "digest": None}
    assert "lab: nothing is active" in text(view.status_table(document))


def test_without_a_database_the_schema_is_unknown() -> None:
    seen = facts()
    seen["db-1"]["reachable"] = False
    document = view.status("lab", seen)

    assert document["schema"] is None
    assert "no database answers" in text(view.status_table(document))


def test_a_dead_edge_is_not_ready() -> None:
    seen = facts()
    seen["edge-1"]["haproxy_active"] = False

    assert view.status("lab", seen)["hosts"][-1]["ready"] is False


def test_the_table_marks_who_serves_and_what_is_under_way() -> None:
    seen = facts()
    seen["edge-1"]["operation"] = {
        "kind": "deploy", "version": "1.2.0", "state": "paused", "started_at": "2026-11-23T06:00:00"
    }  # fmt: skip
    seen["edge-1"]["lease"] = {
        "kind": "deploy", "holder": {"user": "ann", "host": "desk"}, "expires_at": "later"
    }  # fmt: skip
    shown = text(view.status_table(view.status("lab", seen)))

    (line,) = [line for line in shown.splitlines() if "serves" in line]
    assert line.startswith("app-blue-1")
    assert "lab: 1.1.0 on blue (bbbbbbbbbbbb)" in shown
    assert "deploy of 1.2.0 is paused since 2026-11-23T06:00:00" in shown
    assert "lease: deploy by ann@desk, until later" in shown


def entry(version: str, **more: Any) -> dict[str, Any]:
    return {
        "id": version, "at": "2026-11-23T06:00:00+00:00", "kind": "deploy", "outcome": "done",
        "version": version, "digest": version * 8, "git_sha": f"sha{version}", "who": "ann@desk",
        "config_hash": "c", "config": "LOG_LEVEL=info\n", "known": ["0001"], **more,
    }  # fmt: skip


def test_history_shows_the_probers_figures() -> None:
    shown = text(view.history_table([
        entry("1.0.0", why="first", prober={"sent": 12403, "failed": 0, "worst_gap_ms": 38.4}),
        entry("1.1.0", outcome="reverted", reason="bug", why="500s"),
        entry("1.2.0", at="not a time", reason="other"),
    ]))  # fmt: skip
    first, second, third = shown.splitlines()[1:]

    assert "0 failed of 12,403, gap 38 ms" in first
    assert "first" in first
    assert "bug: 500s" in second
    assert "reverted" in second
    assert third.startswith("not a time")
    assert "other" not in third


def test_history_names_what_was_open_when_anything_was() -> None:
    figures = {"sent": 9, "failed": 0, "worst_gap_ms": 1.0, "sockets": {"n": 0, "lost": 0}}
    open_too = {**figures, "sockets": {"n": 40, "lost": 2}, "streams": {"n": 96, "broken": 1}}

    assert view._figures(figures) == "0 failed of 9, gap 1 ms"
    assert view._figures(open_too) == (
        "0 failed of 9, 2 of 40 sockets lost, 1 of 96 streams broken, gap 1 ms"
    )


def test_an_entry_is_found_by_its_version_with_or_without_v() -> None:
    ledger = [entry("1.0.0", id=1), entry("1.0.0", id=2, outcome="failed")]

    assert view.entry_of(ledger, "v1.0.0")["id"] == 1


def test_a_version_that_never_served_is_found_all_the_same() -> None:
    assert view.entry_of([entry("1.0.0", outcome="failed")], "1.0.0")["outcome"] == "failed"


def test_an_unknown_version_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"no version 2\.0\.0 \(known: 1\.0\.0, 1\.1\.0\)"):
        view.entry_of([entry("1.1.0"), entry("1.0.0")], "2.0.0")


def test_a_difference_names_code_configuration_and_migrations() -> None:
    after = entry("1.1.0", config="LOG_LEVEL=debug\n", known=["0001", "0002"])
    document = view.difference(entry("1.0.0"), after)

    assert document["config"] == ["-LOG_LEVEL=info", "+LOG_LEVEL=debug"]
    assert document["migrations"] == {"added": ["0002"], "removed": []}
    assert document["a"]["git_sha"] == "sha1.0.0"
    assert document["same_code"] is False
    assert view.difference_lines(document, ["abc Mend it"]) == [
        "1.0.0 → 1.1.0",
        "code: 1.0.01.0.01. → 1.1.01.1.01., git sha1.0.0 → sha1.1.0",
        "  abc Mend it",
        "migrations: +0002",
        "configuration:",
        "  -LOG_LEVEL=info",
        "  +LOG_LEVEL=debug",
    ]


def test_two_names_of_the_same_release_differ_in_nothing() -> None:
    document = view.difference(entry("1.0.0"), entry("1.0.0", git_sha=None))

    assert view.difference_lines(document, []) == [
        "1.0.0 → 1.0.0", "code: the same digest", "migrations: the same",
        "configuration: the same",
    ]  # fmt: skip
