"""What is done to a host's network, what undoes it, and a relay that is late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from chaos import levers
from chaos.network import actions, relay
from tests.unit.chaos import world

LATE = 0.05


def broken(host: str) -> list[tuple[Callable[[], None], Callable[[str], None], str]]:
    return [
        (lambda: actions.cut(host), actions.join, "dash_chaos_cut"),
        (lambda: actions.lose(host, 10), actions.join, "dash_chaos_loss"),
        (lambda: actions.slow(host, 200), actions.hurry, "dash_chaos_slow"),
        (lambda: actions.silence_names(host), actions.answer_names, "dash_chaos_names"),
    ]


@pytest.mark.parametrize("which", range(4), ids=["cut", "lose", "slow", "silence"])
def test_each_fault_is_a_table_of_its_own_that_its_pair_and_the_host_remove(
    tmp_path: Path, which: int
) -> None:
    do, undo, table = broken("serving-1")[which]
    with world.opened(tmp_path) as (run, seen):
        do()
        timer, fault = seen.scripts[0], seen.scripts[1]
        [kept] = run.journal.read()
        levers.undo_again(kept)
        undo("serving-1")
        left = run.journal.read()

    assert timer[0] == fault[0] == "app-blue-1"
    assert f"nft delete table {'ip' if 'slow' in table else 'inet'} {table}" in timer[1]
    assert f" {table} {{" in fault[1]
    assert left == []
    for host, script in seen.scripts[-2:]:
        assert host == "app-blue-1"
        assert f"delete table {'ip' if 'slow' in table else 'inet'} {table}" in script


@pytest.mark.parametrize("which", range(4), ids=["cut", "lose", "slow", "silence"])
def test_ssh_is_never_touched(tmp_path: Path, which: int) -> None:
    with world.opened(tmp_path) as (_, seen):
        broken("idle-1")[which][0]()

    rules = next(x for x in seen.scripts[1][1].splitlines() if x.startswith("nft "))
    assert "port 5432" in rules or "sport 53 " in rules
    assert "port 22" not in rules


def test_slowing_down_ends_the_connections_that_are_quick(tmp_path: Path) -> None:
    with world.opened(tmp_path) as (_, seen):
        actions.slow("app-green-1", 50)

    assert "meta skuid != 0 redirect" in seen.scripts[1][1], "the relay's own are let through"
    assert seen.scripts[-1][0] == "db-1"
    assert "pg_terminate_backend" in seen.scripts[-1][1]
    assert "client_addr = '\"'\"'10.0.0.1'\"'\"'" in seen.scripts[-1][1]


@pytest.mark.parametrize("percent", [0, 101])
def test_a_share_that_is_none_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match=f"percent is {percent}: 1 to 100"):
        actions.lose("app-blue-1", percent)


async def test_the_relay_brings_everything_and_late() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    far = await asyncio.start_server(echo, "127.0.0.1", 0)
    near = await relay.serve(0, "127.0.0.1", far.sockets[0].getsockname()[1], LATE)
    loop = asyncio.get_running_loop()
    async with far, near:
        reader, writer = await asyncio.open_connection(*near.sockets[0].getsockname())
        sent = bytes(range(256)) * 4096
        began = loop.time()
        writer.write(sent)
        writer.write_eof()
        got = await reader.readexactly(1)
        took = loop.time() - began
        got += await reader.read()
        writer.close()

    assert got == sent
    assert took > 3.5 * LATE  # twice for the handshake, which began a little earlier, and each way


async def test_the_relay_closes_what_it_cannot_connect() -> None:
    near = await relay.serve(0, "127.0.0.1", 1, 0.0)
    async with near:
        reader, writer = await asyncio.open_connection(*near.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
