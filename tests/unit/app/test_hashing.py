"""Keys are random, kept as bcrypt, and checked by an HMAC that says which pepper made it."""

from __future__ import annotations

import os
import threading

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access import hashing
from app.access.hashing import Verdict

OTHER = "another pepper of 16"
PEPPER = "0123456789abcdef"


def test_a_key_is_made_of_its_parts_and_parsed_into_them() -> None:
    public_id, secret, key = hashing.new_key()
    assert key == f"dash_{public_id}_{secret}"
    assert hashing.parse(key) == (public_id, secret)
    assert (len(public_id), len(secret)) == (12, 43)  # 43 of base64 are 256 bits


def test_no_two_keys_are_the_same() -> None:
    assert len({hashing.new_key() for _ in range(500)}) == 500


@given(st.text(max_size=80))
def test_text_that_is_no_key_is_not_parsed(text: str) -> None:
    assert hashing.parse(text) is None


@pytest.mark.parametrize("wrong", ["", " ", "x", "\n"])
def test_a_key_with_anything_around_it_is_not_parsed(wrong: str) -> None:
    key = hashing.new_key()[2]
    assert (hashing.parse(key + wrong) is not None) == (wrong == "")
    assert (hashing.parse(wrong + key) is not None) == (wrong == "")


def test_the_cost_at_rest_is_12(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # conftest makes it quick
    assert hashing.COST == 12
    assert hashing.at_rest("secret").startswith("$2b$12$")


def test_bcrypt_tells_right_from_wrong_beyond_72_bytes() -> None:
    kept = hashing.at_rest("x" * 100 + "a")
    assert hashing.matches("x" * 100 + "a", kept)
    assert not hashing.matches("x" * 100 + "b", kept)


def test_a_hash_that_is_none_matches_nothing() -> None:
    assert not hashing.matches("secret", "not a hash")


def test_the_secret_itself_is_not_what_bcrypt_gets() -> None:
    kept = hashing.at_rest("secret")
    assert not bcrypt.checkpw(b"secret", kept.encode())


def test_a_verifier_knows_its_secret_id_and_pepper() -> None:
    kept = hashing.verifier("secret", "id", PEPPER)
    verdicts = {
        hashing.verify(hashing.verifier(secret, public_id, PEPPER), kept)
        for secret, public_id in (("Secret", "id"), ("secret", "Id"), ("", "id"), ("secre", "tid"))
    }
    assert verdicts == {Verdict.WRONG}
    assert hashing.verify(hashing.verifier("secret", "id", PEPPER), kept) is Verdict.RIGHT


def test_without_a_verifier_of_this_pepper_bcrypt_is_to_be_asked() -> None:
    made = hashing.verifier("secret", "id", PEPPER)
    for kept in (None, b"", made[:-1], made[4:], hashing.verifier("secret", "id", OTHER)):
        assert hashing.verify(made, kept) is Verdict.UNKNOWN


def niceness(many: int, nice: int) -> set[int]:
    """Return how nice the threads of a pool are."""
    with hashing.threads(many, nice, "x") as pool:

        def own() -> int:
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        return {pool.submit(own).result() for _ in range(4)}


def test_threads_for_bcrypt_are_as_nice_as_they_are_told_and_nothing_else_is() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert niceness(1, 19) == {19}
    assert niceness(1, 0) == {before}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_without_a_wish_nothing_is_asked_of_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter of system calls may kill who asks."""

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "setpriority", never)
    with hashing.threads(1, 0, "x") as pool:
        assert pool.submit(int).result() == 0


def test_where_the_kernel_refuses_threads_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", refuse)
    with hashing.threads(1, 19, "x") as pool:
        assert pool.submit(int).result() == 0
