"""Events are the same however the bytes are cut, and an end in the middle is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.llm.sse import Event, Parser, TooLarge

TEXT = (
    b"\xef\xbb\xbf: comment\r\nevent: ping\rdata: {}\n\n"
    b'data:{"a":\ndata: "\xc3\xa4\xe2\x82\xac"}\r\n\r\nid: 7\nretry: 1\n\nevent: x\n\n'
    b"data\n\ndata: [DONE]\n\n"
)
EVENTS = [
    Event("ping", b"{}"),
    Event("", '{"a":\n"ä€"}'.encode()),
    Event("", b""),
    Event("", b"[DONE]"),
]


@given(st.lists(st.integers(0, len(TEXT)), max_size=30))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cuts: list[int]) -> None:
    parser, found, last = Parser(), [], 0
    for cut in [*sorted(cuts), len(TEXT)]:
        found += parser.feed(TEXT[last:cut])
        last = cut
    assert (found, parser.pending) == (EVENTS, False)


@pytest.mark.parametrize("rest", [b"data: x", b"data: x\n", b"event: x\n", b"da"])
def test_an_event_that_does_not_end_is_pending_and_not_told(rest: bytes) -> None:
    parser = Parser()
    assert (parser.feed(b"data: 1\n\n" + rest), parser.pending) == ([Event("", b"1")], True)


@pytest.mark.parametrize("piece", [b"x" * 11, b"data: 12345\ndata: 678901\n"])
def test_an_event_that_does_not_end_is_given_up(piece: bytes) -> None:
    with pytest.raises(TooLarge):
        Parser(largest=10).feed(piece)
