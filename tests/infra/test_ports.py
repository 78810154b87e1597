"""Who holds a port, with real sockets."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING

import pytest

from infra.podman import ports
from infra.podman.runtime import PodmanError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_listening_program_is_named_with_its_number(port: int) -> None:
    assert not ports.free(port)
    assert f"(pid {os.getpid()})" in ports.holder(port)


def test_a_listener_on_all_addresses_counts_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 -- for a moment, unused
        assert not ports.free(int(server.getsockname()[1]))


def test_a_port_that_was_given_back_is_free(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = int(server.getsockname()[1])

    assert ports.free(other)
    ports.refuse_taken([f"127.0.0.1:{other}:80"])
    with pytest.raises(PodmanError, match=re.escape(f"port {port} on 127.0.0.1 is taken by ")):
        ports.refuse_taken([f"127.0.0.1:{port}:80"])


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("web 127.0.0.1:80->80/tcp\nedge 127.0.0.1:8080->80/tcp, 127.0.0.1:8443->443/tcp", "edge"),
        ("web 127.0.0.1:18443->80/tcp", ""),
        ("", ""),
    ],
)
def test_a_container_is_named_by_what_it_publishes(
    monkeypatch: pytest.MonkeyPatch, listed: str, name: str
) -> None:
    monkeypatch.setattr(ports, "podman", lambda *_words, **_options: listed)

    assert ports._container(8443) == name
