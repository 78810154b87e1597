"""Structured logs: one JSON object a line, constant event names, never a secret."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

MASK = "***"
# By key, at any depth; case and style (api_key, apiKey, API-Key) do not matter.
_SECRET_KEYS = ("password", "passwd", "token", "apikey", "secret", "authorization", "cookie",
                "pepper", "credential")
# By pattern, wherever a library puts it: our keys, bearer tokens, passwords in URLs.
_PATTERNS = (
    (re.compile(r"(dash_[A-Za-z0-9]{6,}_)[A-Za-z0-9_-]{8,}"), r"\1" + MASK),
    (re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{6,}"), r"\1" + MASK),
    (re.compile(r"(\w+://[^:/@\s]+:)[^@\s]+(@)"), r"\1" + MASK + r"\2"),
    (re.compile(r"(?i)(password|secret|token|api_?key)(\s*[=:]\s*)[^\s,;\"']+"), r"\1\2" + MASK),
)


def redact(value: Any, key: str = "") -> Any:
    """Return a value without its secrets, by key and by pattern, at any depth."""
    plain = re.sub(r"[^a-z]", "", key.lower())
    if plain and any(word in plain for word in _SECRET_KEYS):
        return MASK
    if isinstance(value, dict):
        return {redact(str(k)): redact(v, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        for pattern, mask in _PATTERNS:
            value = pattern.sub(mask, value)
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: redact(value, key) for key, value in event.items()}


def configure(level: str, version: str, color: str) -> None:
    """Send everything, also what libraries log, to standard error as JSON lines.

    Args:
        level: debug, info, warning or error.
        version: of the release, on every line.
        color: of this host, on every line.
    """
    facts = {"pid": os.getpid(), "host": socket.gethostname(), "version": version, "color": color}

    def add_facts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**facts, **event}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        add_facts,
        _redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
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


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger. Events are constants; data goes into keywords."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
