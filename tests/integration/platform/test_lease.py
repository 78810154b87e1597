"""The lease of an edge: one holder at a time, and a dead one's runs out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import files, lease, paths
from ansible_collections.dash.platform.plugins.module_utils.lease import LeaseFile

LEASECTL = "ansible_collections.dash.platform.plugins.module_utils.leasectl"
TTL = 1.0


def wanted(identity: str) -> lease.Lease:
    holder = {"user": "ann", "host": "laptop", "pid": 4711, "boot_id": "b", "pid_start": 8160}
    return {"id": identity, "holder": holder, "kind": "deploy", "fence": 7}


def file(ttl: float = TTL) -> LeaseFile:
    return LeaseFile(ttl=ttl)


class Held:
    """`leasectl hold` in a process of its own, as the long ssh connection runs it."""

    def __init__(self, identity: str) -> None:
        words = [sys.executable, "-m", LEASECTL, "hold", "--id", identity, f"--ttl={TTL}"]
        self.process = subprocess.Popen(
            [*words, f"--state-dir={paths.EDGE_STATE}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def beat(self) -> str:
        """Send one line and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> int:
        self.process.communicate()
        return self.process.returncode


@pytest.fixture(name="held")
def _held() -> Iterator[Held]:
    """A lease of operation a, renewed from a distance."""
    file().acquire(wanted("a"))
    held = Held("a")
    yield held
    held.process.kill()
    held.process.communicate()


def test_a_free_lease_is_taken_at_once() -> None:
    waited = file().acquire(wanted("a"))

    taken = file().current()
    assert taken is not None
    assert waited < 0.5
    assert (taken["id"], taken["holder"]["user"], taken["fence"]) == ("a", "ann", 7)
    assert taken["expires_at"] - taken["renewed_at"] == pytest.approx(TTL)


def test_taking_ones_own_lease_again_is_fine() -> None:
    file().acquire(wanted("a"))

    assert file().acquire(wanted("a")) < 0.5


def test_a_holder_that_renews_keeps_it_and_is_named(held: Held) -> None:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(0.1):
            held.beat()

    beating = threading.Thread(target=beat)
    beating.start()
    with pytest.raises(lease.Busy) as busy:
        file().acquire(wanted("b"))
    stop.set()
    beating.join()

    line = str(busy.value)
    assert line.startswith("a deploy by ann on laptop (process 4711) runs since ")
    assert line.endswith("UTC and holds the lease. Next: wait for it")
    assert busy.value.facts["holder"]["pid"] == 4711
    assert (file().current() or {})["id"] == "a"


def test_a_killed_holders_lease_runs_out(held: Held) -> None:
    assert held.beat().startswith("ok ")
    os.kill(held.process.pid, signal.SIGKILL)

    waited = file().acquire(wanted("b"))

    assert TTL * 0.5 < waited < TTL + 1.5
    assert (file().current() or {})["id"] == "b"


def test_a_holder_that_lost_its_lease_is_told_and_ends_with_3(held: Held) -> None:
    held.beat()
    file().acquire(wanted("b"))

    assert held.beat().startswith("lost a deploy by ann on laptop")
    assert held.end() == 3


def test_a_lease_that_was_given_back_is_not_renewed(held: Held) -> None:
    assert file().release("a")

    assert held.beat() == "lost the lease was given back"
    assert held.end() == 3


def test_the_end_of_the_connection_leaves_the_lease_as_it_is(held: Held) -> None:
    held.beat()
    before = file().current()

    assert held.end() == 0
    assert file().current() == before


def test_a_lease_that_cannot_be_read_ends_the_connection_without_losing_it(held: Held) -> None:
    (paths.EDGE_STATE / "lease.json").write_text("{", encoding="utf-8")

    assert held.beat().startswith("error ")
    assert held.end() == 1


def test_a_renewal_moves_the_end() -> None:
    file().acquire(wanted("a"))
    before = (file().current() or {})["expires_at"]
    time.sleep(0.05)

    assert file().renew("a") > before
    assert (file().current() or {})["expires_at"] > before


def test_a_holder_known_to_be_dead_is_not_waited_for() -> None:
    file(30).acquire(wanted("a"))

    assert file(30).acquire(wanted("b"), dead="a") < 0.5


def test_who_comes_second_to_a_lease_that_ran_out_is_refused() -> None:
    """Both watch the same dead holder; the first to see it run out is its successor."""
    file().acquire(wanted("a"))
    results: list[Any] = []

    def take(identity: str) -> None:
        try:
            file().acquire(wanted(identity))
        except lease.Busy as busy:
            results.append(str(busy))
        else:
            results.append(identity)

    threads = [threading.Thread(target=take, args=(x,)) for x in ("b", "c", "d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    winners = [r for r in results if len(r) == 1]
    assert len(winners) == 1
    assert (file().current() or {})["id"] == winners[0]


def test_a_clock_that_was_set_back_does_not_keep_a_dead_holders_lease() -> None:
    """Nobody gave a sign of life for a whole TTL: what the wall clock says does not matter."""
    LeaseFile(ttl=TTL, clock=lambda: time.time() + 9999).acquire(wanted("a"))

    waited = file().acquire(wanted("b"))

    assert TTL < waited < TTL + 3
    assert (file().current() or {})["id"] == "b"


def test_what_must_come_first_is_asked_before_the_lease_is_taken() -> None:
    def refuse() -> None:
        raise lease.Busy("not yet")

    with pytest.raises(lease.Busy, match="not yet"):
        file().acquire(wanted("a"), first=refuse)

    assert file().current() is None


def test_only_its_holder_gives_a_lease_back() -> None:
    file().acquire(wanted("a"))

    assert not file().release("b")
    assert file().release("a")
    assert not file().release("a")
    assert file().is_free(file().current())


def test_renewing_what_is_somebody_elses_says_whose() -> None:
    file().acquire(wanted("a"))

    with pytest.raises(lease.Lost, match="by ann on laptop"):
        file().renew("b")


def test_a_lease_that_lacks_something_decides_nothing() -> None:
    (paths.EDGE_STATE / "lease.json").write_text('{"id": "a"}', encoding="utf-8")

    with pytest.raises(files.CorruptFile, match=r"lease\.json lacks holder"):
        file().acquire(wanted("b"))
