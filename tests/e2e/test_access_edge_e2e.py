"""Requests that mean harm end at the edge: none becomes another one at the service."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.e2e.client import Heard, raw
from tests.e2e.driver import Lab, inside

pytestmark = pytest.mark.lab
HOST = b"Host: dash.example.org\r\n"
BODY = b'7\r\n{"a":1}\r\n0\r\n\r\n'
OF_THE_SERVICE = b"x-dash-color"  # a header of each of its answers, in a lab
CLOSE = b"Connection: close\r\n\r\n"
# What two servers could read in two ways: each is followed by a second request in its body.
FRAMED = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "two lengths in one line": b"Content-Length: 5, 6\r\n",
    "a length with a sign": b"Content-Length: +5\r\n",
    "a length that is no number": b"Content-Length: 0x5\r\n",
    "a coding that ends in chunked": b"Transfer-Encoding: xchunked\r\n",
    "a coding after chunked": b"Transfer-Encoding: chunked, identity\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "a space before the colon": b"Transfer-Encoding : chunked\r\n",
    "a tab in the name": b"Transfer-\tEncoding: chunked\r\n",
    "a vertical tab in the value": b"Transfer-Encoding:\x0bchunked\r\n",
    "a NUL in a header": b"X-A: a\x00b\r\nContent-Length: 0\r\n",
    "a CR in a header": b"X-A: a\rb\r\nContent-Length: 0\r\n",
}
# What names one thing and could mean another.
TRICKED = {
    "the URI of another host": b"GET https://evil.example/v1/me HTTP/1.1\r\n" + HOST,
    "two hosts": b"GET /v1/me HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n",
    "no host": b"GET /v1/me HTTP/1.1\r\n",
    "a way up": b"GET /v1/../metrics HTTP/1.1\r\n" + HOST,
    "an encoded way up": b"GET /v1/%2e%2E/metrics HTTP/1.1\r\n" + HOST,
    "a way up after an encoded slash": b"GET /v1%2f..%2fmetrics HTTP/1.1\r\n" + HOST,
    "a backslash": b"GET /v1\\me HTTP/1.1\r\n" + HOST,
    "a NUL": b"GET /v1/me%00.css HTTP/1.1\r\n" + HOST,
    "no slash": b"GET v1/me HTTP/1.1\r\n" + HOST,
    "a space in the path": b"GET /v1/me /v1/keys HTTP/1.1\r\n" + HOST,
}


class Edge:
    """The edge as somebody sees it who writes bytes, and the logs of what is behind it."""

    def __init__(self, lab: Lab) -> None:
        outputs, key = lab.outputs(), (lab.directory / "secrets/prober_key").read_bytes().strip()
        self._url, self._ca = str(outputs["urls"]["https"]), Path(lab.directory / "ca.pem")
        self._apps = [h["container"] for h in outputs["hosts"] if h["role"] == "app"]
        self.post = (
            b"POST /v1/echo HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
            + b"Authorization: Bearer " + key + b"\r\n"
        )  # fmt: skip

    def send(self, *parts: bytes) -> Heard:
        """Send bytes and listen."""
        return raw(self._url, self._ca, b"".join(parts))

    def reached(self, word: str) -> bool:
        """Tell whether a process of either colour answered a request with this in its path."""
        words = ("journalctl", "-u", "dash-app", "-o", "cat", "--since", "-2min", "--grep", word)
        return any("request.answered" in inside(c, *words, check=False) for c in self._apps)


@pytest.fixture(name="edge", scope="module")
def _edge(lab: Lab) -> Edge:
    return Edge(lab)


@pytest.fixture(name="word")
def _word() -> str:
    return f"smuggled-{uuid.uuid4().hex}"


def second(word: str) -> bytes:
    """Return the request that somebody tries to slip in; `word` finds it in the logs."""
    return b"GET /v1/" + word.encode() + b" HTTP/1.1\r\n" + HOST + CLOSE


def test_a_second_request_that_may_come_is_answered_and_logged(edge: Edge, word: str) -> None:
    """What the tests below look for in vain would be seen."""
    heard = edge.send(edge.post, b"Transfer-Encoding: chunked\r\n\r\n", BODY, second(word))

    assert heard.statuses == [200, 404]
    assert edge.reached(word)


@pytest.mark.parametrize("what", FRAMED)
def test_a_body_without_one_certain_end_is_refused(edge: Edge, word: str, what: str) -> None:
    heard = edge.send(edge.post, FRAMED[what], b"\r\n", BODY, second(word))

    assert (heard.statuses, heard.closed) == ([400], True)
    assert OF_THE_SERVICE not in heard.raw
    assert not edge.reached(word)


@pytest.mark.parametrize("what", TRICKED)
def test_a_target_without_one_certain_meaning_is_refused(edge: Edge, what: str) -> None:
    heard = edge.send(TRICKED[what], CLOSE)

    assert heard.statuses == [400]
    assert OF_THE_SERVICE not in heard.raw


def test_length_and_chunks_at_once_are_one_request_and_the_end(edge: Edge, word: str) -> None:
    """HAProxy goes by the chunks, takes the length away and closes (RFC 9112, 6.3)."""
    both = b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    heard = edge.send(edge.post, both, BODY, second(word))

    assert (heard.statuses, heard.closed) == ([200], True)
    assert heard.raw.endswith(b'{"a":1}')  # the service read the same
    assert OF_THE_SERVICE in heard.raw
    assert not edge.reached(word)


def test_a_bare_line_feed_ends_a_line_for_edge_and_service_alike(edge: Edge, word: str) -> None:
    """The edge goes by what stands after it, and writes its lines anew for the service."""
    hidden = b"Content-Length: 0\r\nX-A: b\nTransfer-Encoding: chunked\r\n\r\n"
    heard = edge.send(edge.post, hidden, BODY, second(word))

    assert (heard.statuses, heard.closed) == ([200], True)
    assert heard.raw.endswith(b'{"a":1}')
    assert not edge.reached(word)


def test_nobody_changes_to_http2_on_the_way(edge: Edge) -> None:
    """The wish does not reach the service; the answer is one of HTTP/1.1."""
    heard = edge.send(
        b"GET /healthz HTTP/1.1\r\n", HOST,
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\n\r\n",
    )  # fmt: skip

    assert heard.statuses == [200]


def test_a_slow_body_is_cut_off(edge: Edge) -> None:
    heard = edge.send(edge.post, b'Content-Length: 100\r\n\r\n{"a"')

    assert heard.statuses == [408]
    assert heard.seconds < 13
    assert OF_THE_SERVICE not in heard.raw


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"Content-Length: 1048577\r\n\r\n", id="as-its-length-says"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\n"
            + (b"10000\r\n" + b"1" * 0x10000 + b"\r\n") * 17
            + b"0\r\n\r\n",
            id="in-chunks-that-say-nothing",
        ),
    ],
)
def test_an_oversized_body_is_refused(edge: Edge, body: bytes) -> None:
    heard = edge.send(edge.post, body)

    assert heard.statuses == [413]
