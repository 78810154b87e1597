"""Migration files are read strictly; which schema a release works with follows from classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import schema
from app.schema import BadMigration, Migration

GOOD = """-- class: expand
-- Words before the first section are for readers.
-- migrate:up
CREATE TABLE notes (id integer);
-- migrate:risk
SELECT 'notes', count(*) FROM notes;
-- migrate:down
DROP TABLE notes;
"""
UP = "-- class: {}\n-- migrate:up\nSELECT 1;\n"


def migration(identity: str, kind: str = "expand") -> Migration:
    """Return a migration that does nothing."""
    return Migration(id=identity, kind=kind, up="SELECT 1", down="SELECT 1", risk="")


def test_a_file_is_read_into_its_parts() -> None:
    found = schema.parse("0002_notes", GOOD)
    assert (found.id, found.kind) == ("0002_notes", "expand")
    assert found.up == "CREATE TABLE notes (id integer);"
    assert found.down == "DROP TABLE notes;"
    assert found.risk == "SELECT 'notes', count(*) FROM notes;"
    assert schema.name_of(found.id) == "notes"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("2_notes", GOOD, "2_notes.sql: name it NNNN_what_it_does.sql"),
        ("0002-notes", GOOD, "0002-notes.sql: name it NNNN_what_it_does.sql"),
        ("0002_x", GOOD.replace("expand", "grow"), "it says grow"),
        ("0002_x", GOOD.replace("-- class: expand\n", ""), "it says nothing"),
        ("0002_x", "-- class: contract\n" + GOOD, "it says contract, expand"),
        ("0002_x", GOOD.replace("migrate:up", "migrate:upp"), "'-- migrate:upp' is no section"),
        ("0002_x", GOOD + "-- migrate:down\nSELECT 1;", "'-- migrate:down' stands twice"),
        ("0002_x", "-- class: expand\n-- migrate:down\nSELECT 1;", "has no '-- migrate:up'"),
        ("0002_x", UP.format("expand"), "has no '-- migrate:down' section, and is not"),
        ("0002_x", UP.format("contract"), "has no '-- migrate:down' section, and is not"),
        ("0002_x", GOOD.replace("-- migrate:risk", "--"), "needs a '-- migrate:risk' query"),
        ("0002_x", UP.format("expand") + "-- migrate:down\nALTER TABLE a DROP COLUMN b;",
         "needs a '-- migrate:risk' query"),
        ("0002_x", UP.format("expand") + "-- migrate:down\ndelete from a;",
         "needs a '-- migrate:risk' query"),
        ("0002_x", UP.format("irreversible") + "COMMIT;", "says COMMIT: each migration runs in"),
        ("0002_x", UP.format("irreversible") + "CREATE INDEX CONCURRENTLY i ON a (b);",
         "says CONCURRENTLY: each migration"),
    ],
)  # fmt: skip
def test_a_file_that_may_not_be_is_refused_in_one_line(name: str, text: str, said: str) -> None:
    with pytest.raises(BadMigration) as caught:
        schema.parse(name, text)
    line = str(caught.value)
    assert said in line
    assert line.startswith(f"{name}.sql")
    assert "\n" not in line


def test_an_irreversible_step_needs_no_way_back() -> None:
    assert schema.parse("0002_x", UP.format("irreversible")).down == ""


def test_the_checksum_covers_everything_that_decides_what_a_step_does() -> None:
    texts = [
        GOOD,
        GOOD.replace("expand", "contract"),
        GOOD.replace("integer", "bigint"),
        GOOD.replace("DROP TABLE notes", "DROP TABLE notes CASCADE"),
        GOOD.replace("'notes',", "'all notes',"),
    ]
    sums = {schema.parse("0002_x", text).checksum for text in texts}
    assert len(sums | {schema.parse("0003_x", GOOD).checksum}) == 6
    readers = GOOD.replace("for readers", "for nobody")
    assert schema.parse("0002_x", readers).checksum == schema.parse("0002_x", GOOD).checksum


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("0010_b", "0002_c", "0001_a"):
        (tmp_path / f"{name}.sql").write_text(GOOD)
    assert [m.id for m in schema.load(tmp_path)] == ["0001_a", "0002_c", "0010_b"]


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    for name in ("0001_a", "0002_b", "0002_c"):
        (tmp_path / f"{name}.sql").write_text(GOOD)
    with pytest.raises(BadMigration, match="number 0002; the next free one is 0003"):
        schema.load(tmp_path)


def test_the_releases_own_files_are_good() -> None:
    assert schema.load()[0].id == "0001_initial"


KNOWN = [migration("0001_a"), migration("0002_b"), migration("0003_c", "contract")]


@pytest.mark.parametrize(
    ("applied", "why"),
    [
        ({"0001_a": "expand", "0002_b": "expand"}, ""),
        ({"0001_a": "expand", "0002_b": "expand", "0003_c": "contract"}, ""),
        ({"0001_a": "expand", "0002_b": "expand", "0004_d": "expand"}, ""),
        ({"0001_a": "expand"}, "migration 0002_b is not applied"),
        ({}, "migration 0001_a is not applied"),
        ({"0001_a": "expand", "0002_b": "expand", "0004_d": "contract"},
         "migration 0004_d is contract and not known to this release"),
        ({"0001_a": "expand", "0002_b": "expand", "0004_d": "irreversible"},
         "migration 0004_d is irreversible and not known to this release"),
    ],
)  # fmt: skip
def test_a_release_works_with_what_it_needs_and_later_expand_steps_alone(
    applied: dict[str, str], why: str
) -> None:
    assert schema.incompatible(KNOWN, applied.items()) == why
