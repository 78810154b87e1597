"""Resume tokens: an HMAC over whose agent it is and which of its connections got it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.agents.store import Agent

MOST = 16  # generations back that are looked at


def token(pepper: str, agent: Agent, generation: int) -> str:
    """Return the token that a connection gives for the next one."""
    said = f"agent resume:{agent.user_id}:{agent.id}:{generation}"
    made = hmac.new(pepper.encode(), said.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def opens(pepper: str, agent: Agent, given: str) -> bool:
    """Tell whether a token is the latest that its agent can have got.

    A connection may be cut before its `registered` arrives: until the agent proves that it has the
    new token, the one before is as good.
    """
    first = max(agent.token_from, agent.generation - MOST, 1)
    right = [token(pepper, agent, each) for each in range(first, agent.generation + 1)]
    return any(hmac.compare_digest(given.encode(), each.encode()) for each in right)
