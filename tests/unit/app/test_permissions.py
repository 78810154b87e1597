"""Permissions: one table, and roles that hold names of it."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from app import routes
from app.access import permissions
from app.access.principal import Principal
from app.access.users import ROLES


def test_every_role_has_its_line_and_no_name_is_invented() -> None:
    assert tuple(permissions.ROLES) == ROLES
    for granted in permissions.ROLES.values():
        assert permissions.unknown(granted) == []
    assert permissions.of_role("king") == frozenset()


def test_each_role_may_what_the_one_below_may() -> None:
    admin, operator, user, viewer = permissions.ROLES.values()
    assert admin > operator > user > viewer


def test_names_are_a_noun_and_a_verb() -> None:
    assert [n for n in permissions.PERMISSIONS if not re.fullmatch("[a-z]+:[a-z]+", n)] == []


def test_a_key_may_what_it_was_granted_and_its_owner_still_has() -> None:
    granted = ["keys:write", "users:write", "models:read", "gone:away"]
    assert permissions.of_key("user", granted) == {"keys:write", "models:read"}
    assert permissions.of_key("viewer", granted) == {"models:read"}
    assert permissions.of_key("admin", []) == frozenset()


def test_every_route_that_is_not_open_names_a_permission_of_the_table_or_none() -> None:
    named = {route.permission for route in routes.PUBLIC if route.permission}
    assert named
    assert permissions.unknown(named) == []
    assert {r.path for r in routes.PUBLIC if not (r.open or r.permission or r.page)} == {
        "/v1/me", "/v1/echo", "/v1/echo/events", "/v1/sessions/current", "/v1/password",
    }  # fmt: skip
    assert [route.path for route in routes.PUBLIC if route.open and route.permission] == []


@pytest.mark.parametrize("permission", ["keys:read", "keys:write"])
def test_a_principal_may_what_stands_in_it(permission: str) -> None:
    who = Principal(user_id=uuid4(), role="admin", permissions=frozenset({"keys:read"}))
    assert who.may(permission) is (permission == "keys:read")
