"""Users and keys in a real database: found, changed, listed page by page, gone with their owner."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from app.access.keys import ApiKey, ApiKeyRepository
from app.access.users import User, UserRepository

SOON = datetime.now(UTC) + timedelta(days=1)


async def a_user(connection: psycopg.AsyncConnection, email: str = "ann@example.org") -> User:
    """Add a user."""
    user = await UserRepository(connection).create(email)
    assert user is not None
    return user


async def a_key(connection: psycopg.AsyncConnection, user: User, public_id: str) -> ApiKey:
    """Add a key."""
    return await ApiKeyRepository(connection).create(
        user.id,
        public_id=public_id,
        key_hash=f"hash of {public_id}",
        verifier=b"\x00v",
        name="laptop",
        expires_at=SOON,
        permissions=["chat"],
    )


async def test_a_user_is_found_by_id_and_by_email_in_any_case(
    connection: psycopg.AsyncConnection,
) -> None:
    users = UserRepository(connection)
    user = await users.create("Ann@Example.org", "admin")
    assert user is not None
    assert (user.email, user.role, user.is_active) == ("ann@example.org", "admin", True)
    assert await users.find_by_id(user.id) == user
    assert await users.find_by_email("ANN@example.org") == user
    assert await users.find_by_id(uuid4()) is None
    assert await users.find_by_email("bob@example.org") is None


async def test_an_email_is_taken_once(connection: psycopg.AsyncConnection) -> None:
    await a_user(connection)
    assert await UserRepository(connection).create("ANN@example.org") is None


async def test_what_is_found_cannot_be_altered(connection: psycopg.AsyncConnection) -> None:
    user = await a_user(connection)
    with pytest.raises(FrozenInstanceError):
        user.role = "admin"  # type: ignore[misc]  # that is the point


async def test_a_user_is_changed_and_removed(connection: psycopg.AsyncConnection) -> None:
    users = UserRepository(connection)
    user = await a_user(connection)
    changed = await users.update(user.id, role="viewer", is_active=False)
    assert changed is not None
    assert (changed.role, changed.is_active) == ("viewer", False)
    assert await users.update(uuid4(), role="viewer", is_active=True) is None
    assert [await users.delete(user.id), await users.delete(user.id)] == [True, False]


async def test_users_are_listed_page_by_page(connection: psycopg.AsyncConnection) -> None:
    made = {(await a_user(connection, f"u{n}@example.org")).id for n in range(7)}
    users, seen, after = UserRepository(connection), list[UUID](), None
    while page := await users.list(after=after, limit=3):
        assert len(page) <= 3
        seen += [user.id for user in page]
        after = page[-1].id
    assert seen == sorted(made)


async def test_a_key_is_found_with_its_owner(connection: psycopg.AsyncConnection) -> None:
    keys = ApiKeyRepository(connection)
    user = await a_user(connection)
    key = await a_key(connection, user, "abcdefghijkl")
    assert await keys.find_by_id(key.id) == key
    assert await keys.find_by_public_id("abcdefghijkl") == key
    assert (key.email, key.role, key.user_is_active) == ("ann@example.org", "user", True)
    assert (key.verifier, key.permissions, key.rate_limit) == (b"\x00v", ["chat"], 100)
    assert (key.expires_at, key.last_used_at, key.is_active) == (SOON, None, True)
    assert await keys.find_by_id(uuid4()) is None
    assert await keys.find_by_public_id("nothing") is None


async def test_a_key_in_words_holds_nothing_that_opens(
    connection: psycopg.AsyncConnection,
) -> None:
    words = repr(await a_key(connection, await a_user(connection), "abcdefghijkl"))
    assert "hash of" not in words
    assert "\\x00v" not in words


async def test_a_key_is_changed_and_removed(connection: psycopg.AsyncConnection) -> None:
    keys = ApiKeyRepository(connection)
    key = await a_key(connection, await a_user(connection), "abcdefghijkl")
    assert await keys.update(key.id, name="desk", is_active=False, expires_at=None)
    changed = await keys.find_by_id(key.id)
    assert changed is not None
    assert (changed.name, changed.is_active, changed.expires_at) == ("desk", False, None)
    assert not await keys.update(uuid4(), name="x", is_active=True, expires_at=None)
    assert [await keys.delete(key.id), await keys.delete(key.id)] == [True, False]


async def test_a_verifier_is_renewed(connection: psycopg.AsyncConnection) -> None:
    keys = ApiKeyRepository(connection)
    key = await a_key(connection, await a_user(connection), "abcdefghijkl")
    await keys.set_verifier(key.id, b"new")
    found = await keys.find_by_id(key.id)
    assert found is not None
    assert found.verifier == b"new"


async def test_the_latest_use_of_a_key_wins(connection: psycopg.AsyncConnection) -> None:
    keys, user = ApiKeyRepository(connection), await a_user(connection)
    first, second = await a_key(connection, user, "first"), await a_key(connection, user, "second")
    late, early = SOON, SOON - timedelta(hours=1)
    await keys.set_used({first.id: late, second.id: early})
    await keys.set_used({first.id: early, second.id: late})
    assert {key.last_used_at for key in await keys.list(user.id)} == {late}


async def test_keys_of_one_user_are_listed_page_by_page(
    connection: psycopg.AsyncConnection,
) -> None:
    ann, bob = await a_user(connection), await a_user(connection, "bob@example.org")
    made = {(await a_key(connection, ann, f"ann{n}")).id for n in range(5)}
    await a_key(connection, bob, "bob")
    keys, seen, after = ApiKeyRepository(connection), list[UUID](), None
    while page := await keys.list(ann.id, after=after, limit=2):
        seen += [key.id for key in page]
        after = page[-1].id
    assert seen == sorted(made)


async def test_keys_go_with_their_owner(connection: psycopg.AsyncConnection) -> None:
    user = await a_user(connection)
    key = await a_key(connection, user, "abcdefghijkl")
    await UserRepository(connection).delete(user.id)
    assert await ApiKeyRepository(connection).find_by_id(key.id) is None
