"""What pages say in words: times, waits, browsers, and what went well."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# What a redirect after a form says, by the word in the address: nobody else's words are shown.
DONE = {
    "changed": "Your password is changed; all your other sessions ended.",
    "ended": "The session ended.",
    "revoked": "The key is revoked: nothing that uses it comes in any more.",
    "signed-out": "You are signed out.",
    "signed-up": "Your account is made: sign in.",
    "over": "Your session is over: sign in again.",
}
# Why an identity provider's answer opened nothing, by the code in the address (app/identity).
REFUSED = {
    "bad_answer": "The identity provider's answer proves nothing: tell an operator.",
    "bad_flow": "That took too long, or was begun elsewhere: begin again.",
    "busy": "Too many people are signing in: try again in some seconds.",
    "deactivated": "This account is deactivated: ask an operator.",
    "denied": "The identity provider did not sign you in.",
    "email_taken": "There is an account with your email already: ask an operator.",
    "email_unverified": "The identity provider has not verified your email.",
    "no_email": "The identity provider did not tell your email.",
    "no_role": "You are in none of the groups that may use this service.",
    "unavailable": "The identity provider does not answer: try again in some minutes.",
}
LONGEST_PATH = 200  # characters
_OWN = re.compile(r"/(?:[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)?")
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
             ("Safari/", "Safari"), ("curl/", "curl"), ("python", "Python"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip


def own_path(said: str) -> str:
    """Return a path of this service's own; the front page for everything else."""
    return said if len(said) <= LONGEST_PATH and _OWN.fullmatch(said) else "/"


def wait(seconds: int) -> str:
    """Return a time to wait, rounded up to its largest unit but one."""
    for size, name in _UNITS:
        if seconds >= size * 2 or size == 1:
            number = max(1, -(-seconds // size))
            return f"{number} {name}{'' if number == 1 else 's'}"
    raise AssertionError(seconds)  # pragma: no cover -- the last unit takes what is left


def when(at: datetime | None) -> str:
    """Return a time as people read it, by the clock that all of them share."""
    if at is None:
        return "never"
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def browser(agent: str) -> str:
    """Return which browser a User-Agent names, roughly: it is what somebody says of themselves."""
    name = next((words for part, words in _BROWSERS if part in agent), "")
    system = next((words for part, words in _SYSTEMS if part in agent), "")
    return " on ".join(part for part in (name, system) if part) or "Unknown browser"


def over(
    at: datetime | None, now: datetime | None = None, *, within: timedelta = timedelta()
) -> bool:
    """Tell whether a time has come, or comes within a while."""
    return at is not None and at <= (now or datetime.now(UTC)) + within
