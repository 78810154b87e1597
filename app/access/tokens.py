"""Tokens that are shown once: 256 bits, of which the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets

BYTES = 32
LENGTH = 43  # characters


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(BYTES)


def at_rest(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()
