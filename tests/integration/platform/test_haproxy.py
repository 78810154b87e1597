"""HAProxy's runtime socket."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ansible_collections.dash.platform.plugins.module_utils import haproxy, paths
from tests.integration.platform.fake_haproxy import Backend, FakeHaproxy


def test_a_backend_is_read_with_its_servers_and_its_counters(proxy: FakeHaproxy) -> None:
    proxy.backends["app_green"] = Backend(
        {"a": "UP", "b": "DOWN", "c": "UP 1/2"}, scur=2, econ=3, hrsp_2xx=90, hrsp_5xx=4
    )

    seen = haproxy.Runtime().backend("app_green")

    assert seen.states == {"a": "UP", "b": "DOWN", "c": "UP 1/2"}
    assert (seen.up, seen.servers, seen.sessions) == (2, 3, 2)
    assert (seen.requests, seen.good, seen.errors, seen.connect_errors) == (94, 90, 4, 3)


def test_a_backend_that_is_not_there_is_named(proxy: FakeHaproxy) -> None:
    assert proxy.backends
    runtime = haproxy.Runtime()

    with pytest.raises(haproxy.HaproxyError, match="no backend app_red"):
        runtime.backend("app_red")


def test_a_colour_is_its_requests_and_its_sockets(proxy: FakeHaproxy) -> None:
    proxy.backends["app_green"] = Backend({"a": "UP"}, scur=2, hrsp_2xx=90, hrsp_5xx=4)
    alone = haproxy.Runtime().color("green")  # an edge from before there were sockets
    proxy.backends["sockets_green"] = Backend({"a": "UP"}, scur=40, econ=1, hrsp_5xx=3)
    both = haproxy.Runtime().color("green")

    assert (alone.sessions, alone.requests, alone.errors) == (2, 94, 4)
    assert (both.sessions, both.requests, both.errors, both.connect_errors) == (42, 97, 7, 1)
    assert both.states == {"a": "UP"}
    with pytest.raises(haproxy.HaproxyError, match="no backend app_red"):
        haproxy.Runtime().color("red")


def test_a_key_is_set_and_one_that_is_missing_is_added(proxy: FakeHaproxy) -> None:
    runtime = haproxy.Runtime()

    runtime.set_map(str(paths.MAP), "active", "green")
    proxy.map.clear()
    runtime.set_map(str(paths.MAP), "active", "blue")

    assert proxy.map == {"active": "blue"}
    assert [c.split()[0] for c in proxy.commands if "show" not in c] == ["set", "add"]


def test_a_change_that_did_not_take_is_seen(proxy: FakeHaproxy) -> None:
    proxy.stuck = True

    with pytest.raises(haproxy.HaproxyError, match="says active is blue after set map active gr"):
        haproxy.Runtime().set_map(str(paths.MAP), "active", "green")


def test_a_map_that_is_not_loaded_is_refused_with_haproxys_words(proxy: FakeHaproxy) -> None:
    assert proxy.map

    with pytest.raises(haproxy.HaproxyError, match="Unknown map identifier"):
        haproxy.Runtime().set_map("/other.map", "active", "green")


def test_a_haproxy_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    runtime = haproxy.Runtime(tmp_path / "nobody.sock")

    with pytest.raises(haproxy.Down, match=r"does not answer on .*nobody\.sock: No such file"):
        runtime.command("show stat")


def test_waiting_ends_when_the_last_server_comes_up(proxy: FakeHaproxy) -> None:
    proxy.backends["app_green"].states = {"a": "UP", "b": "DOWN"}
    timer = threading.Timer(0.2, proxy.backends["app_green"].states.update, [{"b": "UP"}])
    timer.start()
    started = time.monotonic()

    haproxy.Runtime().wait_up("app_green", 10)
    timer.join()

    assert 0.15 < time.monotonic() - started < 5


def test_waiting_in_vain_names_the_server_that_is_not_up(proxy: FakeHaproxy) -> None:
    proxy.backends["app_green"].states = {"a": "UP", "b": "MAINT"}

    with pytest.raises(haproxy.HaproxyError) as refused:
        haproxy.Runtime().wait_up("app_green", 0)

    assert str(refused.value) == (
        "1 of 2 servers of app_green are up after 0 s (b is MAINT): the switch is refused"
    )


def test_a_backend_without_servers_is_never_up(proxy: FakeHaproxy) -> None:
    proxy.backends["app_green"].states = {}

    with pytest.raises(haproxy.HaproxyError, match="0 of 0 servers"):
        haproxy.Runtime().wait_up("app_green", 0)
