"""/v1/keys on the real service: users have their own keys and give away no more than they have."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from app.access import keyservice
from app.access.keys import Limits
from tests.integration.service import Answer, App, Serving, until

OWN = ("keys:read", "keys:write", "chat:write")


@pytest.fixture(name="key")
def _key(app: App) -> str:
    """Return ann's key, which may handle keys."""
    return app.key(permissions=OWN)


def send(service: Serving, method: str, path: str, key: str, body: Any = None) -> Answer:
    """Send one request, with JSON when there is a body."""
    if body is None:
        return service.ask(path, key=key, method=method)
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    return service.ask(path, key=key, method=method, body=data, headers=headers)


def make(service: Serving, key: str, **wish: Any) -> dict[str, Any]:
    """Make a key and return what was said of it."""
    answer = send(service, "POST", "/v1/keys", key, {"name": "laptop", **wish})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.document
    return made


def code(answer: Answer) -> tuple[int, str]:
    """Return status and code of an error."""
    return answer.status, answer.document["error"]["code"]


def test_a_key_is_made_shown_once_used_and_revoked_everywhere(
    app: App, service: Serving, key: str
) -> None:
    answer = send(service, "POST", "/v1/keys", key, {"name": "Büro", "permissions": ["chat:write"]})
    made = answer.document
    assert answer.headers["Location"] == f"/v1/keys/{made['id']}"
    # Shown before it is used: its use is written down some time within key_used_seconds.
    shown = send(service, "GET", f"/v1/keys/{made['id']}", key)
    assert shown.document == {k: v for k, v in made.items() if k != "key"}
    assert service.ask("/v1/me", key=made["key"]).document["key"]["permissions"] == ["chat:write"]
    assert made["key"].encode() not in send(service, "GET", "/v1/keys", key).body
    with app.serve() as other:
        other.ready()
        assert other.ask("/v1/me", key=made["key"]).status == 200
        assert send(service, "DELETE", f"/v1/keys/{made['id']}", key).status == 204
        started = time.monotonic()
        until(
            lambda: [x.ask("/v1/me", key=made["key"]).status for x in (service, other)] == [401] * 2
        )
        assert time.monotonic() - started < 1
    for method in ("GET", "DELETE"):
        assert code(send(service, method, f"/v1/keys/{made['id']}", key)) == (404, "not_found")


def test_a_secret_is_nowhere_in_the_database(app: App, service: Serving, key: str) -> None:
    made = make(service, key)
    secret = made["key"].split("_", 2)[2]
    rows = str(app.database.query("SELECT to_jsonb(k)::text FROM api_keys k"))
    assert made["id"] in rows
    assert secret not in rows


def test_pages_hold_every_key_once(service: Serving, key: str) -> None:
    made = {make(service, key, name=f"n{n}")["id"] for n in range(4)} | {key.split("_")[1]}
    seen: list[str] = []
    after = ""
    while True:
        page = send(service, "GET", f"/v1/keys?limit=2{after}", key).document
        assert len(page["keys"]) <= 2
        seen += [row["id"] for row in page["keys"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == sorted(made)


QUERIES = (
    "limit=0", "limit=101", "limit=x", "after=1", "after=", "offset=1", "limit=1&limit=2",
)  # fmt: skip


def test_a_query_that_cannot_be_is_refused(service: Serving, key: str) -> None:
    for query in QUERIES:
        answer = send(service, "GET", f"/v1/keys?{query}", key)
        assert code(answer) == (422, "invalid"), query


def test_others_keys_do_not_exist(app: App, service: Serving, key: str) -> None:
    strange = app.key("bob@example.org", permissions=OWN).split("_")[1]
    path = f"/v1/keys/{strange}"
    for method, where, body in (
        ("GET", path, None),
        ("PATCH", path, {"name": "mine"}),
        ("DELETE", path, None),
        ("POST", f"{path}/rotate", {}),
    ):
        assert code(send(service, method, where, key, body)) == (404, "not_found")
    listed = send(service, "GET", "/v1/keys", key).document["keys"]
    assert strange not in {row["id"] for row in listed}
    assert app.database.query(
        "SELECT name, is_active FROM api_keys WHERE public_id = %s", strange
    ) == [("default", True)]


def test_permissions_decide(app: App, service: Serving) -> None:
    for permissions, seen in (
        ((), [403, 403]),
        (("keys:read",), [200, 403]),
        (("keys:write",), [403, 201]),
        (OWN, [200, 201]),
    ):
        key = app.key("carl@example.org", permissions=permissions)
        listed = send(service, "GET", "/v1/keys", key)
        made = send(service, "POST", "/v1/keys", key, {"name": "x"})
        assert [listed.status, made.status] == seen
        for answer in (listed, made):
            assert answer.status < 400 or code(answer) == (403, "forbidden")


def test_a_role_bounds_what_its_keys_may_at_once(app: App, service: Serving, key: str) -> None:
    assert send(service, "POST", "/v1/keys", key, {"name": "x"}).status == 201
    app.database.query("UPDATE users SET role = 'viewer'")
    app.database.query("SELECT pg_notify('api_keys', %s)", key.split("_")[1])
    until(lambda: send(service, "POST", "/v1/keys", key, {"name": "x"}).status == 403, 5)
    assert send(service, "GET", "/v1/keys", key).status == 200


def test_nobody_gives_away_more_than_they_have(app: App, service: Serving, key: str) -> None:
    admin = app.key("root@example.org", permissions=[*OWN, "limits:write", "users:write"])
    app.database.query("UPDATE users SET role = 'admin' WHERE email = 'root@example.org'")
    app.database.query("SELECT pg_notify('api_keys', %s)", admin.split("_")[1])
    until(lambda: send(service, "GET", "/v1/keys", admin).status == 200)
    strong = make(service, admin, permissions=["users:write", "limits:write"])
    weak = make(service, admin, permissions=["keys:write"])["key"]
    mine = make(service, key)["id"]
    for method, path, by, body in (
        ("POST", "/v1/keys", key, {"name": "x", "permissions": ["users:write"]}),
        ("POST", "/v1/keys", key, {"name": "x", "rate_limit": 5}),
        ("POST", "/v1/keys", key, {"name": "x", "token_budget": None}),
        ("PATCH", f"/v1/keys/{mine}", key, {"permissions": ["audit:read"]}),
        ("PATCH", f"/v1/keys/{mine}", key, {"rate_limit": 1000}),
        ("POST", f"/v1/keys/{strong['id']}/rotate", weak, {}),
    ):
        assert code(send(service, method, path, by, body)) == (403, "forbidden"), (path, body)
    changed = send(service, "PATCH", f"/v1/keys/{strong['id']}", admin, {"rate_limit": 3})
    assert (changed.status, changed.document["rate_limit"]) == (200, 3)


def test_a_key_made_with_a_key_shares_its_limits(app: App, service: Serving) -> None:
    """Else a budget would be no bound: its owner would make another key."""
    key = app.key(permissions=OWN, limits=Limits(rate_limit=1_000_000, request_budget=10))
    child = make(service, key)
    rotated = send(service, "POST", f"/v1/keys/{child['id']}/rotate", key, {}).document
    assert child["group"] == rotated["group"]
    assert rotated["request_budget"] == 10
    keys = [key, child["key"], rotated["key"]] * 6
    statuses = [service.ask("/v1/me", key=each).status for each in keys]
    assert statuses == [200] * 8 + [429] * 10


def test_a_key_is_changed_and_what_is_not_said_stays(service: Serving, key: str) -> None:
    made = make(service, key, expires_in_days=9)
    path = f"/v1/keys/{made['id']}"
    assert send(service, "PATCH", path, key, {}).document == {
        k: v for k, v in made.items() if k != "key"
    }
    renamed = send(
        service, "PATCH", path, key, {"name": "desk", "permissions": ["keys:read"]}
    ).document
    assert (renamed["name"], renamed["permissions"]) == ("desk", ["keys:read"])
    assert renamed["expires_at"] == made["expires_at"]
    assert (
        send(service, "PATCH", path, key, {"expires_in_days": None}).document["expires_at"] is None
    )
    until(lambda: send(service, "GET", "/v1/keys", made["key"]).status == 200, 5)


def test_a_rotated_key_goes_on_for_its_overlap_and_has_one_successor(
    app: App, service: Serving, key: str
) -> None:
    old = make(service, key, permissions=["chat:write"], expires_in_days=2)
    path = f"/v1/keys/{old['id']}"
    answer = send(service, "POST", f"{path}/rotate", key, {"overlap_seconds": 3600})
    new = answer.document
    assert answer.status == 201
    assert [service.ask("/v1/me", key=x["key"]).status for x in (old, new)] == [200, 200]
    assert (new["name"], new["permissions"]) == (old["name"], old["permissions"])
    assert send(service, "GET", path, key).document["replaced_by"] == new["id"]
    ((left,),) = app.database.query(
        "SELECT extract(epoch FROM expires_at - now())::float8 FROM api_keys WHERE public_id = %s",
        old["id"],
    )
    assert 3500 < left <= 3600
    assert code(send(service, "POST", f"{path}/rotate", key, {})) == (409, "conflict")
    assert code(send(service, "PATCH", path, key, {"expires_in_days": 9})) == (409, "conflict")
    last = send(
        service, "POST", f"/v1/keys/{new['id']}/rotate", key, {"overlap_seconds": 0}
    ).document
    until(lambda: service.ask("/v1/me", key=new["key"]).status == 401, 1)
    assert service.ask("/v1/me", key=last["key"]).status == 200


def test_there_is_an_end_to_how_many_keys_one_may_have(
    app: App, service: Serving, key: str
) -> None:
    app.database.query(
        "INSERT INTO api_keys (user_id, public_id, key_hash, name) "
        "SELECT id, 'k' || n, 'h' || n, 'x' FROM users, generate_series(2, %s) n",
        keyservice.MOST_KEYS,
    )
    answer = send(service, "POST", "/v1/keys", key, {"name": "x"})
    assert code(answer) == (409, "conflict")
    send(service, "DELETE", "/v1/keys/" + key.split("_")[1], key)


BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"name": ""},
    {"name": "x" * 101},
    {"name": "line\nbreak"},
    {"name": "nul\u0000"},
    {"name": "turned \u202e round"},
    {"name": "half \ud800"},
    {"name": 5},
    {"name": "x", "owner": "bob"},
    {"name": "x", "permissions": ["everything"]},
    {"name": "x", "permissions": "chat:write"},
    {"name": "x", "expires_in_days": 0},
    {"name": "x", "expires_in_days": 3651},
    {"name": "x", "expires_in_days": "5"},
    {"name": "x", "expires_in_days": 5.5},
    {"name": "x", "rate_limit": 0},
    {"name": "x", "token_budget": -1},
    {"name": "x", "token_budget": 10**16},
)


def test_what_cannot_be_a_key_is_refused(app: App, service: Serving, key: str) -> None:
    for body in BODIES:
        assert code(send(service, "POST", "/v1/keys", key, body)) == (422, "invalid"), body
    assert app.database.query("SELECT count(*) FROM api_keys") == [(1,)]
