"""What a run of load is: passed, missed, or inconclusive because of the client itself."""

from __future__ import annotations

from loadtests import kinds
from loadtests.thresholds import (
    LIMITS,
    Client,
    Figures,
    Sockets,
    Verdict,
    judge,
    of_client,
    of_kinds,
    total,
)

GOOD = Figures(n=100, failed=0, p50_ms=1, p95_ms=2, p99_ms=3)
ALL = dict.fromkeys(kinds.KINDS, GOOD)
WELL = Client()
SLOW = {**ALL, kinds.API: Figures(100, 0, 10, 251, 900)}


def verdict(found: dict[str, Figures] = ALL, client: Client = WELL, **sockets: int) -> Verdict:
    return judge(found, Sockets(**sockets), client)


def test_a_run_within_all_thresholds_passes() -> None:
    assert (verdict().outcome, verdict().code, verdict().why) == ("passed", 0, ())


def test_a_slow_kind_is_missed_and_named_with_both_figures() -> None:
    found = verdict(SLOW)

    assert (found.outcome, found.code) == ("missed", 1)
    assert found.why == ("api p95 is 251 ms, 250 ms is allowed",)


def test_errors_of_one_kind_are_judged_apart_from_those_of_others() -> None:
    found = verdict({**ALL, kinds.SIGN_IN: Figures(50, 1, 1, 2, 3)})

    assert found.why == ("sign-in errors is 2.00%, 1.00% is allowed",)


def test_one_lost_socket_and_one_lost_or_doubled_message_are_too_many() -> None:
    lost = [verdict(lost=1), verdict(missing=1), verdict(doubled=1)]

    assert [each.why for each in lost] == [
        ("sockets lost is 1, 0 is allowed",),
        ("messages lost is 1, 0 is allowed",),
        ("messages doubled is 1, 0 is allowed",),
    ]


def test_a_client_that_is_the_bottleneck_makes_no_verdict_of_a_slow_service() -> None:
    for client in (Client(seconds=10, busy=2), Client(lag_ms=101), Client(missing=1)):
        assert verdict(SLOW, client).outcome == "inconclusive"
        assert verdict(ALL, client).code == 4


def test_a_client_that_is_busy_for_a_moment_is_trusted() -> None:
    assert of_client(Client(seconds=10, busy=1, lag_ms=100)) == []


def test_less_than_was_due_is_inconclusive_unless_the_service_was_slow() -> None:
    behind = Client(due=100, sent=94)

    assert verdict(ALL, behind).outcome == "inconclusive"
    assert verdict(SLOW, behind).outcome == "missed"
    assert verdict(ALL, Client(due=100, sent=95)).outcome == "passed"


def test_a_kind_of_which_nothing_was_measured_is_no_pass() -> None:
    found = verdict({kind: seen for kind, seen in ALL.items() if kind != kinds.PAGE})

    assert found.why == ("nothing was measured of page",)


def test_a_few_samples_have_no_percentile_but_errors() -> None:
    few = {kinds.API: Figures(19, 0, 9e9, 9e9, 9e9)}

    assert [check.what for check in of_kinds(few)] == ["api errors"]


def test_every_kind_has_a_limit() -> None:
    assert set(LIMITS) == set(kinds.KINDS)


def test_sockets_of_processes_are_added() -> None:
    assert total([Sockets(1, lost=2), Sockets(3, sent=4)]) == Sockets(4, lost=2, sent=4)
