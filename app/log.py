"""Structured logs: one JSON object a line, constant event names, never a secret."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
DEEPEST = 12  # levels; below them nothing is shown, so that a cycle ends
# By key, at any depth; case and style (api_key, apiKey, API-Key) do not matter.
_SECRET_KEYS = (
    "password", "passwd", "passphrase", "token", "apikey", "secret", "authorization", "cookie",
    "pepper", "credential",
)  # fmt: skip
# By pattern, wherever a library puts it: our keys, bearer tokens, passwords in URLs.
_PATTERNS = (
    (re.compile(r"(dash_[A-Za-z0-9]{6,}_)[A-Za-z0-9_-]{8,}"), r"\1" + MASK),
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}"), r"\1" + MASK),
    (re.compile(r"(\w+://[^:/@\s]*:)[^@\s]+(@)"), r"\1" + MASK + r"\2"),
    (
        re.compile(
            r"(?i)((?:password|passwd|secret|token|api[_-]?key|pepper|cookie)[\"']?\s*[=:]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"')}]+)"
        ),
        r"\1" + MASK,
    ),
)


def redact(value: object, key: str = "", depth: int = 0) -> object:
    """Return a value without its secrets, by key and by pattern, at any depth.

    Args:
        value: anything; what JSON does not know comes back as text.
        key: the name it goes by.
        depth: how deep in another value it lies.
    """
    plain = re.sub(r"[^a-z]", "", key.lower())
    if (plain and any(word in plain for word in _SECRET_KEYS)) or depth > DEEPEST:
        return MASK
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(redact(str(k))): redact(v, str(k), depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, "", depth + 1) for item in value]
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    for pattern, mask in _PATTERNS:
        text = pattern.sub(mask, text)
    return text


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # structlog's own entries (_record, …) are objects that later processors need as they are.
    return {k: v if k.startswith("_") else redact(v, k) for k, v in event.items()}


def _shared(version: str, color: str) -> list[Processor]:
    """Return what every line passes through, a library's too."""
    facts = {"pid": os.getpid(), "host": socket.gethostname(), "version": version, "color": color}

    def add_facts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, **facts}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        add_facts,
        _redact_event,
    ]


def configure(level: str, version: str, color: str) -> None:
    """Send everything, also what libraries log, to standard error as JSON lines.

    Args:
        level: debug, info, warning or error.
        version: of the release, on every line.
        color: of this host, on every line.
    """
    shared = _shared(version, color)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").disabled = True  # the access line is our own
    # Its lines say what health.py says once per change, many times over.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger. Events are constants; data goes into keywords."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
