"""Resume tokens open one agent of one owner, and only the latest that it can have got."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from app.agents import resume
from app.agents.store import Agent

PEPPER = "0123456789abcdef"


@pytest.fixture(name="agent")
def _agent() -> Agent:
    """Return an agent whose seventh connection proved that it has its token."""
    return Agent(
        id=uuid4(), user_id=uuid4(), owner="a@x.org", name="a", capabilities=[], generation=7,
        token_from=7, process_id=None, connected_at=None, last_seen_at=None, received=0, sent=0,
        acked=0, expired=0, refused={}, online=False, color="",
    )  # fmt: skip


def opened(agent: Agent) -> list[int]:
    """Return the generations whose tokens open an agent."""
    return [n for n in range(40) if resume.opens(PEPPER, agent, resume.token(PEPPER, agent, n))]


def test_the_latest_token_opens_and_no_other(agent: Agent) -> None:
    assert opened(agent) == [7]


def test_until_a_connection_proves_its_token_the_one_before_is_as_good(agent: Agent) -> None:
    assert opened(replace(agent, generation=8)) == [7, 8]
    assert opened(replace(agent, generation=30, token_from=1)) == list(range(14, 31))


def test_an_agent_that_was_never_connected_has_no_token(agent: Agent) -> None:
    assert opened(replace(agent, generation=0, token_from=0)) == []


def test_a_token_is_of_one_agent_one_owner_and_one_pepper(agent: Agent) -> None:
    token = resume.token(PEPPER, agent, 7)
    assert resume.opens(PEPPER, agent, token)
    for other in (replace(agent, id=uuid4()), replace(agent, user_id=uuid4())):
        assert not resume.opens(PEPPER, other, token)
    assert not resume.opens(f"{PEPPER}x", agent, token)
    assert not resume.opens(PEPPER, agent, f"{token[:-1]}é")
