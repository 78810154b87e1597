"""Why a connection ends: a code of WebSocket, one word, one sentence."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 123  # bytes of a reason, as WebSocket has it


@dataclass(frozen=True, eq=False)
class Ending(Exception):
    """The end of a connection. Raised where it is found, sent as the close frame."""

    code: int
    word: str
    sentence: str

    @property
    def reason(self) -> bytes:
        """What stands in the close frame."""
        text = f"{self.word}: {self.sentence}".encode()[:LONGEST]
        return text.decode("utf-8", "ignore").encode()


def malformed(what: str) -> Ending:
    """Return the end of what sends something else than messages."""
    return Ending(1007, "malformed", what)


def revoked(word: str) -> Ending:
    """Return the end of what came in with a key or a session that counts no more."""
    return Ending(4003, word, _REVOKED[word])


def broken(code: int, most: int) -> Ending | None:
    """Return the end of a frame that aiohttp refuses to read."""
    if code == TOO_BIG:
        return Ending(TOO_BIG, "too_big", f"a message is at most {most} bytes long")
    if code == BAD_TEXT:
        return malformed("a text frame is UTF-8")
    return (
        Ending(code, "protocol", "this is not how WebSocket works") if code == BAD_FRAME else None
    )


TOO_BIG, BAD_TEXT, BAD_FRAME = 1009, 1007, 1002
RESTART = Ending(1012, "restart", "connect again")
SLOW = Ending(1013, "slow", "what was sent here was not read")
BUSY = Ending(1013, "busy", "the database does not answer: come back in some seconds")
BINARY = Ending(1003, "binary", "messages are text")
RESUME = Ending(1008, "resume", "this token is old or of another agent")
UNREGISTERED = Ending(1008, "register", "the first message is register, within 10 s and once")
TOO_MANY = Ending(1008, "register", "there are too many agents: remove those that are gone")
FLOOD = Ending(1008, "flood", "too many messages")
REPLACED = Ending(4001, "replaced", "this agent has a newer connection")
IDLE = Ending(4008, "idle", "nothing came for too long")
_REVOKED = {
    "revoked": "the key or its user may no longer come in",
    "expired": "the key or the session has expired",
    "signed_out": "the session was ended",
    "forbidden": "the permission agents:connect was taken away",
}


def gap(expected: int, got: int) -> Ending:
    """Return the end of what leaves numbers out."""
    return Ending(1008, "gap", f"the next seq is {expected}, not {got}")
