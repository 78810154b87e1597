"""What edges ask one another, over a real connection, and what they make of the answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.dash.platform.plugins.module_utils import (
    edgectl,
    fence,
    files,
    following,
    neighbours,
    paths,
    switch,
    timer,
)
from tests.integration.platform.edges import ID, move, serves, state
from tests.integration.platform.fake_haproxy import FakeHaproxy
from tests.integration.platform.fake_programs import Programs

HELD = {"id": ID, "state": "confirmed", "fence": 7, "switched_from": "blue"}


@contextmanager
def answering(text: str) -> Iterator[int]:
    """Listen as the socket of systemd does: one answer for each connection, then the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    if text == "stop":
                        return
                    connection.sendall(text.encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def beside(port: int) -> None:
    """Give this edge a neighbour on a port of this machine."""
    edges = [{"name": "edge-2", "address": "127.0.0.1"}]
    files.write_json(paths.ETC / "neighbours.json", {"port": port, "edges": edges})


def said(active: str = "blue", number: int = 7, how: str = "") -> dict[str, Any]:
    return neighbours.says(active, number, {"id": ID, "state": how, "plan": {}} if how else None)


def test_an_answer_is_short_and_names_no_plan() -> None:
    assert said("green", 7, "switched") == {
        "active": "green",
        "fence": 7,
        "operation": {"id": ID, "state": "switched"},
    }


@pytest.mark.parametrize(
    ("answer", "back"),
    [
        (said("blue", how="reverted"), True),
        (said("blue", how="switched"), False),  # on its way back: it says so when it is there
        (said("blue", how="begun"), False),  # on its way to where we are
        (said("green", how="confirmed"), False),
        (said("blue"), True),  # settled there, and not as here
        (said("blue", number=6), False),  # a new edge that never saw this operation
        (said("none"), False),
        (said("green"), False),
    ],
)
def test_a_neighbour_went_back_when_nothing_can_take_it_forward(
    answer: dict[str, Any], *, back: bool
) -> None:
    assert neighbours.went_back(answer, HELD, "green") is back


def test_an_edge_that_is_where_its_neighbour_is_has_nothing_to_follow() -> None:
    assert not neighbours.went_back(said("blue", how="reverted"), HELD, "blue")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"active": "blue"}'])
def test_what_is_no_answer_moves_nobody(text: str) -> None:
    with answering(text) as port:
        assert neighbours.Neighbour("edge-2", "127.0.0.1", port).ask() is None


def test_nobody_listening_moves_nobody() -> None:
    with answering("{}") as port:
        pass
    assert neighbours.Neighbour("edge-2", "127.0.0.1", port).ask() is None


def test_without_a_file_an_edge_stands_alone(edge: switch.Edge, programs: Programs) -> None:
    assert neighbours.listed() == []
    move(edge)
    assert [w for w in programs.calls("systemd-run") if "follow" in w] == []


def test_beside_others_an_edge_keeps_an_eye_on_them_before_traffic_moves(
    edge: switch.Edge, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.have("systemctl", "exit 1")  # no such unit runs
    monkeypatch.setattr(switch, "TOGETHER", 0.0)
    programs.have("systemd-run", f"cat {paths.MAP} >> {paths.MAP}.then")
    beside(1)

    move(edge)

    words = programs.calls("systemd-run")[1]
    assert "--unit=dash-follow-0d5c1e6e" in words
    assert "--property=Restart=on-failure" in words
    assert words[-5:] == ["-m", timer.EDGECTL, "follow", "--id", ID]
    assert paths.MAP.with_name("active.map.then").read_text("ascii") == "active blue\n" * 2


def test_without_that_eye_no_switch(
    edge: switch.Edge, proxy: FakeHaproxy, programs: Programs
) -> None:
    programs.have("systemctl", "exit 1")
    programs.have("systemd-run", 'case "$*" in *follow*) exit 1;; esac')
    beside(1)

    with pytest.raises(timer.NotArmed, match="eye kept on the other edges"):
        move(edge)

    assert serves(edge, proxy, "blue")
    assert state(edge) == "begun"


def test_an_eye_that_is_kept_already_is_enough(
    edge: switch.Edge, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "TOGETHER", 0.0)
    beside(1)
    move(edge)
    assert [w for w in programs.calls("systemd-run") if "follow" in w] == []


def test_edges_move_together(
    edge: switch.Edge, proxy: FakeHaproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first waits, its own operation switched, until the other has come as far."""
    seen: list[tuple[str, str]] = []

    def there(_: neighbours.Neighbour) -> dict[str, Any]:
        seen.append((state(edge), edge.active()))
        return said("blue", how="begun" if len(seen) < 3 else "switched")

    monkeypatch.setattr(neighbours.Neighbour, "ask", there)
    beside(1)

    move(edge)

    assert seen == [("switched", "blue")] * 3
    assert serves(edge, proxy, "green")


@pytest.mark.parametrize("answer", [None, said("blue", how="begun"), said("blue")])
def test_an_edge_that_nobody_joins_moves_alone(
    edge: switch.Edge,
    proxy: FakeHaproxy,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any] | None,
) -> None:
    monkeypatch.setattr(neighbours.Neighbour, "ask", lambda _: answer)
    monkeypatch.setattr(switch, "TOGETHER", 0.1)
    beside(1)

    assert 0 < move(edge).took_ms < 1000
    assert serves(edge, proxy, "green")


@pytest.mark.parametrize("confirmed", [True, False])
def test_an_edge_follows_its_neighbour_back(
    edge: switch.Edge, proxy: FakeHaproxy, *, confirmed: bool
) -> None:
    move(edge)
    if confirmed:
        edge.confirm(ID)
    with answering(json.dumps(said("blue", how="reverted"))) as port:
        beside(port)
        ended = following.Follower(edge, ID, neighbours.listed()).run()

    assert ended == "edge-2 went back: so did this edge, blue serves"
    assert serves(edge, proxy, "blue")
    assert state(edge) == "reverted"


def test_an_eye_closes_when_the_operation_is_settled(edge: switch.Edge) -> None:
    assert following.Follower(edge, ID, []).look() == ""
    move(edge)
    assert following.Follower(edge, ID, []).look() == ""
    edge.revert(ID)
    assert "this edge went back" in following.Follower(edge, ID, []).run()
    assert following.Follower(edge, "another", []).run() == "the operation is settled"


def test_after_a_boot_a_confirmed_edge_keeps_an_eye_on_the_others_again(
    edge: switch.Edge, programs: Programs
) -> None:
    move(edge)
    edge.confirm(ID)
    programs.have("systemctl", "exit 1")
    beside(1)

    assert edge.recover().startswith("a confirmed switch waits for its record")
    assert programs.calls("systemd-run")[-1][-3:] == ["follow", "--id", ID]


def test_the_command_behind_the_socket_says_how_the_edge_stands(
    edge: switch.Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    fence.check(7)
    move(edge)
    where = [f"--state-dir={paths.EDGE_STATE}", f"--map={paths.MAP}"]

    assert edgectl.main([*where, f"--socket={paths.HAPROXY_SOCKET}", "say"]) == 0
    assert json.loads(capsys.readouterr().out) == said("green", 7, "switched")


def test_the_units_command_looks_until_it_has_ended(
    edge: switch.Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    edge.revert(ID)
    where = [f"--state-dir={paths.EDGE_STATE}", f"--map={paths.MAP}"]

    assert edgectl.main([*where, f"--socket={paths.HAPROXY_SOCKET}", "follow", "--id", ID]) == 0
    assert capsys.readouterr().out == "this edge went back: blue serves\n"
