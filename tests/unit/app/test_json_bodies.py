"""Bodies that can be read in one way only; all else is refused with the right 4xx."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import jsonbody
from app.access.keymodels import KeyWish
from app.errors import ApiError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


def refusal(body: bytes) -> tuple[int, str]:
    """Return status and message."""
    with pytest.raises(ApiError) as caught:
        jsonbody.check(body)
    assert caught.value.code == "malformed"
    return caught.value.status, caught.value.message.partition(": ")[2]


@given(VALUES)
def test_json_is_read(value: object) -> None:
    jsonbody.check(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "expecting value at character 0"),
        (b"{", "expecting property name enclosed in double quotes at character 1"),
        (b'{"a":1}x', "extra data at character 7"),
        (b"{'a':1}", "expecting property name enclosed in double quotes at character 1"),
        (b"\xef\xbb\xbf{}", "unexpected utf-8 bom (decode using utf-8-sig) at character 0"),
        (b"\xff\xfe{\x00}\x00", "it is not UTF-8"),
        (b'"\xed\xa0\x80"', "it is not UTF-8"),
        (b'{"a":1,"a":2}', "a member is named twice"),
        (b'[{"b":{"\\u0061":1,"a":2}}]', "a member is named twice"),
        (b"NaN", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"1" * 5000, "a number is too long"),
        (b"[" * 33 + b"]" * 33, "it is nested deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "it is nested deeper than 32"),
        (b"[" * 500_000 + b"]" * 500_000, "it is nested deeper than 32"),
    ],
    ids=str,
)
def test_what_is_no_json_or_has_two_readings_is_refused(body: bytes, words: str) -> None:
    assert refusal(body) == (400, words)


def test_as_deep_as_it_may_be_is_read() -> None:
    jsonbody.check(b"[" * 32 + b"]" * 32)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"name":"x","colour":1}', "colour: extra inputs are not permitted"),
        (b'{"name":"x","permissions":["no"]}', "permissions.0: there is no such permission"),
        (b'{"name":"x","a\\u001b[31mb":1}', "a?[31mb: extra inputs are not permitted"),
        (b"[]", "body: input should be an object"),
        (b'{"name":true}', "name: input should be a valid string"),
        (b'{"name":"x","token_budget":true}', "token_budget: input should be a valid integer"),
        (b'{"name":"x","token_budget":1.5}', "token_budget: input should be a valid integer"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line_without_what_was_sent(
    body: bytes, message: str
) -> None:
    with pytest.raises(ApiError) as caught:
        jsonbody.validated(KeyWish, body)
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    assert caught.value.message == message


def test_five_and_five_point_nought_are_one_number() -> None:
    assert jsonbody.validated(KeyWish, b'{"name":"x","token_budget":5.0}').token_budget == 5
