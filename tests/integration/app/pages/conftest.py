"""The pages of one service that the tests of a file share, on a database where nobody is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.service import App, Serving


@pytest.fixture(name="serving", scope="module")
def _serving(house: App) -> Iterator[Serving]:
    with house.serve(sign_up=True, lockout_account=2) as serving:
        yield serving.ready()


@pytest.fixture(name="app")
def _app(house: App) -> App:
    """Return the commands on a database where nobody is."""
    house.database.query("TRUNCATE users, sign_in_failures, audit_log CASCADE")
    return house


@pytest.fixture(name="service")
def _service(app: App, serving: Serving) -> Serving:  # noqa: ARG001 -- nobody is there yet
    return serving
