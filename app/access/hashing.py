"""How secrets of API keys are kept: bcrypt at rest, a keyed HMAC for the warm path.

bcrypt with cost 12 takes 0.2 s of a core; a fresh colour would spend 10 s of both cores on its
first 100 keys. So requests are checked against an HMAC made at creation with a pepper that is not
in the database; bcrypt is verified when the HMAC is missing, and then renews it.
docs/decisions has the page.
"""

from __future__ import annotations

import base64
import contextlib
import enum
import hashlib
import hmac
import os
import re
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import bcrypt

COST = 12
SECRET_BYTES = 32  # 256 bits
PEPPER_ID_BYTES = 4  # a verifier begins with them: it says which pepper made it
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_KEY = re.compile(r"dash_([A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})")


class Verdict(enum.Enum):
    """What a verifier says about a secret."""

    RIGHT = enum.auto()
    WRONG = enum.auto()
    UNKNOWN = enum.auto()  # there is none, or another pepper made it: ask bcrypt


def new_key() -> tuple[str, str, str]:
    """Return (public id, secret, the whole key)."""
    public_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return public_id, secret, f"dash_{public_id}_{secret}"


def parse(key: str) -> tuple[str, str] | None:
    """Return (public id, secret) of a well-formed key, or None."""
    match = _KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def _short(secret: str) -> bytes:
    """Return 44 bytes that stand for a secret of any length: bcrypt takes 72 at most."""
    return base64.b64encode(hashlib.sha256(secret.encode()).digest())


def at_rest(secret: str) -> str:
    """Return the bcrypt hash of a secret. Takes 0.2 s of a core: never on the event loop."""
    return bcrypt.hashpw(_short(secret), bcrypt.gensalt(COST)).decode()


def matches(secret: str, key_hash: str) -> bool:
    """Tell whether a secret has a bcrypt hash. Takes 0.2 s of a core."""
    try:
        return bcrypt.checkpw(_short(secret), key_hash.encode())
    except ValueError:
        return False


def threads(many: int, nice: int, name: str) -> ThreadPoolExecutor:
    """Return threads for bcrypt, which takes whole cores.

    Args:
        many: at the same time.
        nice: 19 leaves the cores to whatever else wants them, 0 asks the kernel for nothing. A
            kernel that refuses leaves them as they are.
        name: of each, with a number.
    """

    def begin() -> None:
        if not nice:
            return
        with contextlib.suppress(PermissionError):  # Linux has a niceness per thread
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)

    return ThreadPoolExecutor(many, thread_name_prefix=name, initializer=begin)


def verifier(secret: str, public_id: str, pepper: str) -> bytes:
    """Return the pepper's id and the keyed HMAC (SHA-256) of a secret, bound to its public id."""
    made = hmac.new(pepper.encode(), f"{public_id}:{secret}".encode(), hashlib.sha256).digest()
    return _pepper_id(pepper) + made


def verify(made: bytes, kept: bytes | None) -> Verdict:
    """Hold the verifier of a presented secret against the one that was kept, in constant time."""
    if kept is None or kept[:PEPPER_ID_BYTES] != made[:PEPPER_ID_BYTES] or len(kept) != len(made):
        return Verdict.UNKNOWN
    return Verdict.RIGHT if hmac.compare_digest(made, kept) else Verdict.WRONG


def _pepper_id(pepper: str) -> bytes:
    return hmac.new(pepper.encode(), b"dash pepper id", hashlib.sha256).digest()[:PEPPER_ID_BYTES]
