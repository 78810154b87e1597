"""Each alert is proven by a case, an experiment with its time, and a runbook, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitoring import matrix, reference
from monitoring.matrix import Experiment, Matrix

KNOWN = [alert.name for alert in reference.alerts()]
FIGURES = {"experiment": "database_killed", "seconds": 17.5}
KILLED = Experiment(name="database_killed", alerts=("DatabaseDown",))
EXPERIMENT = """\
title: A killed database is back
tags: [database, scaled]
extensions:
  - {name: other}
  - {name: dash, alerts: [DatabaseDown], runbook: DatabaseDown, weight: 4}
"""


def test_what_is_committed_leaves_no_alert_without_proof_and_claims_nothing_too_much() -> None:
    assert Matrix.read().faults(KNOWN) == []


def test_no_cell_of_the_page_is_empty() -> None:
    rows = [line for line in reference.tables(Matrix.read()).splitlines() if line[:1] == "|"]
    alerts = [row for row in rows if row.split("|")[1].strip() in KNOWN]

    assert len(alerts) == len(KNOWN)
    for row in alerts:
        cells = row.strip("|").split(" | ")
        assert len(cells) == len(reference.COLUMNS), row
        assert all(cell.strip() for cell in cells), row


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (Matrix(), "A: no experiment fired it and chaos/unfired.toml has no reason"),
        (Matrix(unfired={"A": {"reason": "cannot"}}), "A: no experiment fired it"),
        (Matrix(unfired={"A": {"todo": "yes"}}), "A: no experiment fired it"),
        (
            Matrix(measured={"A": FIGURES}),
            "A: chaos/detections.toml names database_killed, which is no experiment that fires it",
        ),
        (
            Matrix(measured={"A": FIGURES}, experiments=(KILLED,)),
            "A: chaos/detections.toml names database_killed, which is no experiment that fires it",
        ),
        (
            Matrix(
                measured={"A": FIGURES},
                experiments=(Experiment(name="database_killed", alerts=("A",)),),
                unfired={"A": {"todo": True}},
            ),
            "A: it fired; take it out of chaos/unfired.toml",
        ),
        (
            Matrix(unfired={"A": {"todo": True}}, experiments=(KILLED,)),
            "DatabaseDown: there is no such alert",
        ),
        (
            Matrix(unfired={"A": {"todo": True}, "B": {"todo": True}}),
            "B: there is no such alert",
        ),
    ],
)
def test_what_is_wrong_with_the_documents_is_told(given: Matrix, fault: str) -> None:
    assert any(line.startswith(fault) for line in given.faults(["A"])), given.faults(["A"])


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        (
            Matrix(unfired={"A": {"reason": "the lab has no such thing"}}),
            ("the lab has no such thing", "unit test alone", "[runbook](../runbooks/A.md)"),
        ),
        (
            Matrix(unfired={"A": {"todo": True}}),
            ("no experiment yet", "to be measured", "[runbook](../runbooks/A.md)"),
        ),
        (
            Matrix(
                unfired={"A": {"todo": True}},
                experiments=(Experiment(name="x", alerts=("A",)), KILLED),
            ),
            ("`x`", "to be measured", "[runbook](../runbooks/A.md)"),
        ),
        (
            Matrix(
                measured={"A": {"experiment": "x", "seconds": 17.5}},
                experiments=(Experiment(name="x", alerts=("A",), runbook="A"),),
            ),
            ("`x`", "17.5 s", "[runbook](../runbooks/A.md), run in `x`"),
        ),
        (
            Matrix(
                measured={"A": {"experiment": "x", "seconds": 40.0}},
                experiments=(Experiment(name="x", alerts=("A",), scaled=True),),
            ),
            ("`x`", "40 s, scaled", "[runbook](../runbooks/A.md)"),
        ),
    ],
)
def test_cells_tell_what_stands_behind_an_alert(given: Matrix, cells: tuple[str, str, str]) -> None:
    assert given.proof("A").cells() == cells


def test_alerts_are_counted_by_what_proves_them() -> None:
    given = Matrix(
        measured={"A": FIGURES}, unfired={"B": {"reason": "it cannot be"}, "C": {"todo": True}}
    )

    assert given.counted("AB") == (
        "Of 2 alerts 1 fired in an experiment of the lab, as measured; "
        "1 cannot be made to fire there and lean on their unit test."
    )
    assert given.counted("ABC").endswith("; 1 are still to be made to fire.")


def test_documents_are_read_as_they_lie(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "database_killed.yaml").write_text(EXPERIMENT, encoding="utf-8")
    (tmp_path / "unfired.toml").write_text("[A]\ntodo = true\n", encoding="utf-8")

    found = matrix.Matrix.read(tmp_path)

    assert found.experiments == (
        Experiment(
            name="database_killed", alerts=("DatabaseDown",), runbook="DatabaseDown", scaled=True
        ),
    )
    assert found.unfired == {"A": {"todo": True}}
    assert found.measured == {}
