"""What handlers find in the application, by typed keys."""

from __future__ import annotations

from aiohttp import web

from app.access.auth import Authenticator
from app.access.keys import ApiKey
from app.access.keyservice import KeyService
from app.access.limits import Limiter
from app.access.pace import Pace
from app.access.principal import Principal
from app.access.resets import ResetService
from app.access.sessions import Session
from app.access.sessionservice import SessionService
from app.agents.hub import Hub
from app.db import Database
from app.health import Health
from app.llm.gateway import Gateway
from app.metrics import Metrics
from app.settings import Settings
from app.web.ways import Way

SETTINGS = web.AppKey("settings", Settings)
DATABASE = web.AppKey("database", Database)
AUTH = web.AppKey("auth", Authenticator)
HEALTH = web.AppKey("health", Health)
METRICS = web.AppKey("metrics", Metrics)
LIMITER = web.AppKey("limiter", Limiter)
SESSION_PACE = web.AppKey("session_pace", Pace)  # by user
ADDRESS_PACE = web.AppKey("address_pace", Pace)  # by address, on open routes
GATEWAY = web.AppKey("gateway", Gateway)
HUB = web.AppKey("hub", Hub)
KEYS = web.AppKey("keys", KeyService)
RESETS = web.AppKey("resets", ResetService)
SESSIONS = web.AppKey("sessions", SessionService)
WAYS = web.AppKey("ways", tuple[Way, ...])  # to sign in beside a password

# What the guard leaves on a request.
PRINCIPAL = web.RequestKey("principal", Principal)
KEY = web.RequestKey("key", ApiKey)  # when it came in with one
SESSION = web.RequestKey("session", Session)  # when it came in with one
REQUEST_ID = web.RequestKey("request_id", str)
QUIET = web.RequestKey("quiet", bool)  # a good answer is no line of the log
STARTED = web.RequestKey("started", float)  # by time.perf_counter
PAGE = web.RequestKey("page", bool)  # people look at it: errors are pages, too
OPENAI = web.RequestKey("openai", bool)  # errors are in OpenAI's form
LIMIT_HEADERS = web.RequestKey("limit_headers", dict[str, str])
