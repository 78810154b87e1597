"""The kinds of what is measured. Each has its own limits: a chat may take what an echo may not."""

from __future__ import annotations

API, CHAT, FIRST, STREAM = "api", "chat", "first token", "stream"
CONNECT, DELIVERY, PAGE, SIGN_IN = "connect", "delivery", "page", "sign-in"
KINDS = (API, CHAT, FIRST, STREAM, CONNECT, DELIVERY, PAGE, SIGN_IN)

_CHAT = "/v1/chat/completions"


def of(method: str, name: str) -> str:
    """Return the kind of an entry of locust's statistics, by its method and its name."""
    if method in KINDS:  # what personas measure themselves says it
        return method
    if name == _CHAT:
        return CHAT
    if name == "/sign-in":
        return SIGN_IN if method == "POST" else PAGE
    return API if name.startswith("/v1/") else PAGE
