"""What binds the way to a provider and back to one browser: a short-lived cookie that we signed.

The cookie holds a random seed. What the provider is told follows from the seed and the pepper, so
nobody who reads the cookie learns the PKCE verifier, and nobody else's answer fits it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.errors import ApiError

if TYPE_CHECKING:
    from aiohttp import web

SECONDS = 600  # that somebody may take at the provider's pages
_LONGEST = 200  # characters of a cookie


class BadFlow(ApiError):
    """The answer does not belong to what this browser began, or it counted already."""

    def __init__(self) -> None:
        super().__init__(
            403, "bad_flow", "this sign-in was not begun here, or it is over: try again"
        )


class BadAnswer(ApiError):
    """What came back proves nothing."""

    def __init__(self, why: str) -> None:
        super().__init__(
            403, "bad_answer", "the identity provider's answer is not valid: try again"
        )
        self.why = why


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One way to a provider and back."""

    provider: str
    seed: str
    pepper: str = field(repr=False)

    def secret(self, purpose: str) -> str:
        """Return 256 bits that only this browser's flow gives: state, nonce, verifier, request."""
        text = f"identity {self.provider} {purpose} {self.seed}"
        made = hmac.new(self.pepper.encode(), text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")


def name(provider: str) -> str:
    """Return the cookie's name."""
    return f"__Host-dash-{provider}"


def begin(provider: str, pepper: str) -> tuple[Flow, str]:
    """Return a new flow and its cookie's value."""
    seed = f"{secrets.token_urlsafe(24)}.{int(time.time()) + SECONDS}"
    flow = Flow(provider=provider, seed=seed, pepper=pepper)
    return flow, f"{seed}.{flow.secret('cookie')}"


def resume(provider: str, pepper: str, cookie: str) -> Flow:
    """Return the flow of a cookie. Raises BadFlow: we did not sign it, or it is too old."""
    seed, _, mac = cookie[:_LONGEST].rpartition(".")
    flow = Flow(provider=provider, seed=seed, pepper=pepper)
    if not hmac.compare_digest(mac.encode(), flow.secret("cookie").encode()):
        raise BadFlow
    if int(seed.rpartition(".")[2]) < time.time():
        raise BadFlow
    return flow


def remember(response: web.Response, provider: str, value: str, same_site: str) -> None:
    """Give the cookie to a browser; an empty value takes it away.

    Args:
        response: it goes along with.
        provider: whose flow it is.
        value: of the cookie.
        same_site: Lax, or None where the provider makes the browser send a form.
    """
    response.set_cookie(
        name(provider), value, max_age=SECONDS if value else 0, path="/", secure=True,
        httponly=True, samesite=same_site,
    )  # fmt: skip
