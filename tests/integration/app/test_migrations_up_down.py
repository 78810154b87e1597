"""Migrations on a real PostgreSQL: up, held back, down, refused, and nothing half done."""

from __future__ import annotations

import threading
from pathlib import Path

import psycopg
import pytest

from app.migrate import LOCK, MigrationError
from tests.integration.app.steps import GONE, NOTES, STRICT, TAGS, THREE, Steps, ids
from tests.integration.postgres import Database


@pytest.fixture(name="steps")
def _steps(empty: Database, tmp_path: Path) -> Steps:
    """Return a release with two expand steps and a contract step."""
    return Steps(empty, tmp_path / "migrations", THREE)


def refusal(steps: Steps, **words: object) -> str:
    """Return the one line with which a run is refused."""
    with pytest.raises(MigrationError) as caught:
        steps.run(**words)  # type: ignore[arg-type]  # as run takes them
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_deploy_applies_expand_steps_and_holds_the_others_back(steps: Steps) -> None:
    report = steps.run()
    assert ids(report.up) == ["0001_notes", "0002_tags"]
    assert report.held == [{"id": "0003_strict", "name": "strict", "class": "contract"}]
    assert (report.applied, report.compatible) == (["0001_notes", "0002_tags"], True)
    assert steps.columns() == ["id", "body", "tag"]


def test_contract_steps_run_when_asked_for(steps: Steps) -> None:
    steps.run()
    assert ids(steps.run(contract=True).up) == ["0003_strict"]
    with pytest.raises(psycopg.errors.NotNullViolation):
        steps.database.query("INSERT INTO notes VALUES (1, NULL)")


def test_a_second_run_changes_nothing(steps: Steps) -> None:
    steps.run(contract=True)
    before = steps.database.query("SELECT * FROM schema_migrations ORDER BY id")
    report = steps.run(contract=True)
    assert (report.up, report.held, report.down) == ([], [], [])
    assert steps.database.query("SELECT * FROM schema_migrations ORDER BY id") == before


def test_a_plan_changes_nothing_not_even_the_book(steps: Steps) -> None:
    report = steps.run(plan=True)
    assert (ids(report.up), ids(report.held)) == (["0001_notes", "0002_tags"], ["0003_strict"])
    assert (report.applied, report.compatible) == ([], False)
    assert report.reason == "migration 0001_notes is not applied"
    there = steps.database.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    assert there == [(0,)]


def test_what_was_applied_is_written_down_with_its_way_back(steps: Steps) -> None:
    steps.run()
    rows = steps.database.query(
        "SELECT id, class, down_sql, risk_sql, version, length(checksum) FROM schema_migrations "
        "ORDER BY id LIMIT 1"
    )
    risk = "SELECT 'notes', count(*) FROM notes;"
    assert rows == [("0001_notes", "expand", "DROP TABLE notes;", risk, "1.0.0", 64)]


def test_steps_are_undone_newest_first_by_a_release_that_does_not_know_them(steps: Steps) -> None:
    steps.run(contract=True)
    steps.forget("0002_tags", "0003_strict")
    report = steps.run(to="0001_notes")
    assert ids(report.down) == ["0003_strict", "0002_tags"]
    assert (report.applied, report.compatible) == (["0001_notes"], True)
    assert steps.columns() == ["id", "body"]


@pytest.mark.parametrize(
    ("to", "left"),
    [("1", ["0001_notes"]), ("0001", ["0001_notes"]), ("0001_notes", ["0001_notes"]),
     ("0", []), ("0000", []), ("", []), ("2", ["0001_notes", "0002_tags"])],
)  # fmt: skip
def test_a_target_is_an_id_a_number_or_nothing_at_all(
    steps: Steps, to: str, left: list[str]
) -> None:
    steps.run()
    assert steps.run(to=to).applied == left


def test_a_target_that_is_not_applied_yet_is_gone_up_to(steps: Steps) -> None:
    assert ids(steps.run(to="1").up) == ["0001_notes"]
    assert steps.columns() == ["id", "body"]


def test_a_target_that_does_not_exist_is_refused_with_those_that_do(steps: Steps) -> None:
    steps.run()
    for to in ("7", "0002_tag"):
        assert refusal(steps, to=to) == (
            f"there is no migration {to}: choose 0 or 0001_notes, 0002_tags, 0003_strict"
        )
    assert steps.columns() == ["id", "body", "tag"]


def test_what_would_lose_rows_is_left_in_place_with_all_below_it(steps: Steps) -> None:
    steps.run(contract=True)
    steps.database.query("INSERT INTO notes VALUES (1, 'x', 'red'), (2, 'y', NULL)")
    report = steps.run(to="0")
    assert [(s["id"], s["left"], s["risk"]) for s in report.down] == [
        ("0003_strict", False, []),
        ("0002_tags", True, [{"what": "notes.tag", "rows": 1}]),
        ("0001_notes", True, []),
    ]
    assert ids(report.left) == ["0002_tags", "0001_notes"]
    assert report.applied == ["0001_notes", "0002_tags"]
    assert steps.database.query("SELECT * FROM notes ORDER BY id") == [
        (1, "x", "red"),
        (2, "y", None),
    ]


def test_a_plan_counts_the_rows_of_every_step(steps: Steps) -> None:
    steps.run()
    steps.database.query("INSERT INTO notes VALUES (1, 'x', 'red'), (2, 'y', NULL)")
    report = steps.run(to="0", plan=True)
    assert [(s["id"], s["risk"]) for s in report.down] == [
        ("0002_tags", [{"what": "notes.tag", "rows": 1}]),
        ("0001_notes", [{"what": "notes", "rows": 2}]),
    ]
    assert steps.columns() == ["id", "body", "tag"]


def test_loss_that_was_accepted_happens_and_is_counted(steps: Steps) -> None:
    steps.run()
    steps.database.query("INSERT INTO notes VALUES (1, 'x', 'red'), (2, 'y', NULL)")
    report = steps.run(to="0", accept_loss=True)
    assert [(s["id"], s["left"], s["risk"]) for s in report.down] == [
        ("0002_tags", False, [{"what": "notes.tag", "rows": 1}]),
        ("0001_notes", False, [{"what": "notes", "rows": 2}]),
    ]
    assert (report.applied, steps.tables()) == ([], [])


def test_a_count_that_newer_steps_stand_in_the_way_of_is_said_to_be_open(steps: Steps) -> None:
    renamed = """-- class: contract
-- migrate:up
ALTER TABLE notes RENAME TO pages;
-- migrate:down
ALTER TABLE pages RENAME TO notes;
"""
    steps.write({"0003_strict": renamed})
    steps.run(contract=True)
    report = steps.run(to="1", plan=True)
    what = "0002_tags: counted when the newer steps are undone"
    assert report.down[1]["risk"] == [{"what": what, "rows": None}]
    assert ids(steps.run(to="1").down) == ["0003_strict", "0002_tags"]


@pytest.mark.parametrize("plan", [True, False])
def test_past_an_irreversible_step_nothing_is_undone(steps: Steps, plan: bool) -> None:
    steps.write({"0004_gone": GONE, "0005_more": NOTES.replace("notes", "more")})
    steps.run(contract=True)
    line = refusal(steps, to="1", plan=plan)
    assert line.startswith("0004_gone is irreversible: freeze (deploy nothing, keep serving)")
    assert all(way in line for way in ("freeze", "roll forward", "restore a backup"))
    assert steps.tables() == ["more", "notes"]
    assert ids(steps.run(to="4").down) == ["0005_more"]


def test_steps_are_undone_in_the_order_in_which_they_were_done(steps: Steps) -> None:
    """A held step that ran after a later one is undone before it."""
    steps.write({"0004_late": TAGS.replace("tag", "late")})
    steps.run()
    steps.run(contract=True)
    assert ids(steps.run(to="2").down) == ["0003_strict", "0004_late"]


@pytest.mark.parametrize("words", [{}, {"plan": True}, {"to": "1"}, {"contract": True}])
def test_an_edited_applied_file_is_refused_with_both_checksums(
    steps: Steps, words: dict[str, object]
) -> None:
    steps.run()
    ((kept,),) = steps.database.query(
        "SELECT checksum FROM schema_migrations WHERE id = '0002_tags'"
    )
    steps.write({"0002_tags": TAGS.replace("tag text", "tag varchar(9)")})
    line = refusal(steps, **words)
    assert line.startswith("0002_tags.sql was edited after it was applied (its checksum is ")
    assert f"the database has {kept[:12]}): restore the file" in line
    assert steps.columns() == ["id", "body", "tag"]


def test_a_migration_that_fails_half_way_leaves_nothing_behind(steps: Steps) -> None:
    half = NOTES.replace("notes", "half").replace("body text);", "body text);\nSELECT 1/0;")
    steps.write({"0004_half": half})
    assert refusal(steps) == "0004_half.sql failed, nothing of it stays: division by zero"
    assert steps.tables() == ["notes"]
    steps.write({"0004_half": half.replace("SELECT 1/0;", "")})
    assert ids(steps.run().up) == ["0004_half"]


def test_a_down_step_that_fails_undoes_nothing_of_itself(steps: Steps) -> None:
    down = "-- class: expand\n-- migrate:up\nSELECT 1;\n-- migrate:down\n"
    steps.write({"0004_bad": f"{down}ALTER TABLE notes ADD COLUMN x int;\nSELECT 1/0;"})
    steps.run()
    line = refusal(steps, to="0")
    assert line == "undoing 0004_bad failed, nothing of that was undone: division by zero"
    assert steps.columns() == ["id", "body", "tag"]


@pytest.mark.parametrize("plan", [True, False])
def test_risk_that_cannot_be_counted_is_never_taken_for_none(steps: Steps, plan: bool) -> None:
    steps.write({"0004_bad": TAGS.replace("tag", "extra").replace("FROM notes", "FROM nowhere")})
    steps.run()
    line = refusal(steps, to="2", plan=plan)
    assert line.startswith("the rows that undoing 0004_bad would lose cannot be counted: ")
    assert "extra" in steps.columns()


def test_a_second_run_waits_for_the_first_and_then_gives_up(steps: Steps) -> None:
    with steps.database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        line = refusal(steps)
    assert line == "another migration run holds the lock: try again when it has ended"
    assert steps.tables() == []
    assert ids(steps.run().up) == ["0001_notes", "0002_tags"]


def test_of_two_runs_at_once_each_step_is_applied_by_one(steps: Steps) -> None:
    slow = NOTES.replace("notes", "slow").replace(
        "-- migrate:risk", "SELECT pg_sleep(0.3);\n-- migrate:risk"
    )
    steps.write({"0004_slow": slow})
    steps.limits = type(steps.limits)(lock=10, statement=10)
    found: list[list[object]] = []
    runs = [threading.Thread(target=lambda: found.append(ids(steps.run().up))) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(map(len, found)) == [0, 3]


def test_a_step_that_cannot_get_its_lock_fails_and_nothing_waits_behind_it(steps: Steps) -> None:
    steps.run(to="1")
    with steps.database.connect() as other, other.transaction():
        other.execute("LOCK TABLE notes IN ACCESS SHARE MODE")
        line = refusal(steps)
    assert line.startswith(
        "0002_tags.sql failed, nothing of it stays: canceling statement due to lock"
    )
    assert steps.columns() == ["id", "body"]


def test_a_step_that_takes_too_long_is_ended(steps: Steps) -> None:
    slow = "-- class: expand\n-- migrate:up\nSELECT pg_sleep(30);\n-- migrate:down\nSELECT 1;"
    steps.write({"0004_slow": slow})
    line = refusal(steps)
    assert line.startswith(
        "0004_slow.sql failed, nothing of it stays: canceling statement due to statement"
    )
    assert steps.run(plan=True).applied == ["0001_notes", "0002_tags"]


def test_the_service_reads_the_book_and_cannot_alter_it(steps: Steps) -> None:
    steps.run()
    with steps.database.connect("dash_app") as connection:
        assert connection.execute("SELECT count(*) FROM schema_migrations").fetchone() == (2,)
        connection.execute("INSERT INTO notes VALUES (1, 'x', 'y')")
        for text in ("UPDATE schema_migrations SET down_sql = ''", "DROP TABLE notes"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(text)
    assert steps.database.query(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    ) == [("dash_owner",)]


def test_contract_steps_of_newer_releases_make_a_release_unfit(steps: Steps) -> None:
    steps.run(contract=True)
    steps.forget("0002_tags")
    assert steps.run(plan=True).compatible
    steps.write({"0002_tags": TAGS})
    steps.forget("0003_strict")
    report = steps.run(plan=True)
    assert report.reason == "migration 0003_strict is contract and not known to this release"
    assert STRICT
