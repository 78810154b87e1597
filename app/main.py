"""Build the service and run it."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import uvloop
from aiohttp import web

from app import log, middleware, parts, routes
from app.access.auth import Authenticator
from app.access.keyservice import KeyService
from app.access.limits import Limiter
from app.access.pace import Pace
from app.access.passwords import Passwords
from app.access.resets import ResetService
from app.access.sessionservice import SessionService
from app.agents.hub import Hub
from app.db import Database
from app.errors import CannotServe
from app.health import Health
from app.identity import federation
from app.listener import Listener
from app.llm.gateway import Gateway
from app.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings

CUT_SECONDS = 1.0  # for what is still under way after the drain
GC_YOUNG = 10_000  # objects made since the last look; requests make few that refer to one another
_log = log.get(__name__)


def create_app(settings: Settings) -> web.Application:
    """Return the public application; nothing is connected before it starts.

    Raises:
        SettingsError: a credential is missing, or a file of the settings is not as it should be.
    """
    metrics = Metrics(settings.version, settings.color, settings.config)
    database = Database(settings)
    health = Health(settings, database)
    app = web.Application(
        middlewares=[middleware.around(metrics, health)], client_max_size=settings.max_body
    )
    app[routes.SETTINGS] = settings
    app[routes.METRICS] = metrics
    app[routes.DATABASE] = database
    app[routes.HEALTH] = health
    authenticator = app[routes.AUTH] = Authenticator(database, settings, metrics)
    app[parts.SESSION_PACE] = Pace(settings.session_rate)
    app[parts.ADDRESS_PACE] = Pace(settings.address_rate)
    limiter = app[routes.LIMITER] = Limiter(database, settings)
    app[routes.GATEWAY] = Gateway(settings, database, limiter, metrics)
    app[routes.HUB] = Hub(database, settings, metrics)
    app[routes.KEYS] = KeyService(database, settings.pepper(), authenticator.at_rest)
    passwords = Passwords(settings.hash_threads, settings.hash_nice)
    others = app[parts.FEDERATION] = federation.build(settings)
    app[routes.SESSIONS] = SessionService(database, settings, passwords, others.ldap)
    app[routes.RESETS] = ResetService(database, settings, passwords)
    app.on_response_prepare.append(middleware.on_prepare(settings))
    app.cleanup_ctx.extend([_database, _background])
    app.add_routes([route.defined() for route in routes.PUBLIC])
    return app


def private_app(app: web.Application) -> web.Application:
    """Return what the private listener serves."""
    private = web.Application()
    private[routes.SETTINGS] = app[routes.SETTINGS]
    private[routes.METRICS] = app[routes.METRICS]
    private[routes.DATABASE] = app[routes.DATABASE]
    private[routes.HEALTH] = app[routes.HEALTH]
    private[routes.AUTH] = app[routes.AUTH]
    private[routes.GATEWAY] = app[routes.GATEWAY]
    private.add_routes(routes.PRIVATE)
    return private


async def _database(app: web.Application) -> AsyncIterator[None]:
    await app[routes.DATABASE].open()
    yield
    await app[routes.DATABASE].close()


async def _background(app: web.Application) -> AsyncIterator[None]:
    authenticator, limiter = app[routes.AUTH], app[routes.LIMITER]
    gateway, sessions, hub = app[routes.GATEWAY], app[routes.SESSIONS], app[routes.HUB]
    gateway.open()
    listener = Listener(app[routes.SETTINGS], authenticator, gateway.breakers, hub)
    work = (
        app[routes.HEALTH], listener, authenticator, limiter, sessions, app[routes.RESETS], gateway,
        hub,
    )  # fmt: skip
    tasks = [asyncio.create_task(each.run(), name=type(each).__name__) for each in work]
    for task in tasks:
        task.add_done_callback(_ended)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await hub.close()
    await authenticator.close()
    await gateway.close()
    await limiter.close()
    sessions.passwords.close()
    app[parts.FEDERATION].close()


def _ended(task: asyncio.Task[None]) -> None:
    """Say it when something that runs until the end ended early: nobody waits for it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("background.failed", task=task.get_name(), exc_info=error)


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then let what is under way end.

    Raises:
        CannotServe: a port is taken, or the database is not one that this release works with.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = create_app(settings)
    leaving: set[asyncio.Task[None]] = set()
    loop.add_signal_handler(signal.SIGUSR1, _hand_over, app[routes.HUB], leaving)
    tls = _tls(settings)
    public = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=settings.keep_alive_seconds,
        shutdown_timeout=CUT_SECONDS,
    )
    private = web.AppRunner(private_app(app), access_log=None, shutdown_timeout=CUT_SECONDS)
    try:
        await public.setup()
        await private.setup()
        await _listen(public, settings.host, settings.port, tls)
        await _listen(private, settings.metrics_host, settings.metrics_port, None)
        _log.info("serve.listening", address=settings.host, port=settings.port)
        await _first(stop, app[routes.HEALTH].refused)
        if not stop.is_set():
            raise CannotServe(app[routes.HEALTH].why)
        await _drain(public, app, settings)
    finally:
        await public.cleanup()
        await private.cleanup()
    _log.info("serve.stopped")


def _hand_over(hub: Hub, running: set[asyncio.Task[None]]) -> None:
    """Tell agents to connect again, as a release does to the colour that was left."""
    if not running:
        task = asyncio.create_task(hub.hand_over())
        running.add(task)
        task.add_done_callback(running.discard)


async def _drain(runner: web.AppRunner, app: web.Application, settings: Settings) -> None:
    """Send new requests elsewhere, and wait within a bound for those that are under way.

    `/readyz` says it first, for as long as the edges need to read it; then the port closes. All
    that comes before aiohttp's own shutdown, which reads no further from a connection: a body that
    is still on its way would never arrive.
    """
    health = app[routes.HEALTH]
    health.draining = True
    _log.info("serve.draining", seconds=settings.drain_seconds)
    await asyncio.sleep(settings.drain_notice_seconds)
    for site in list(runner.sites):
        await site.stop()
    try:
        async with asyncio.timeout(settings.drain_seconds):
            await app[routes.HUB].hand_over(ending_too=True)
            await health.idle.wait()
    except TimeoutError:
        _log.warning("serve.cut_off", requests=health.under_way)


async def _first(*events: asyncio.Event) -> None:
    """Wait until one of some events is set."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        files = " and ".join(str(x) for x in (settings.tls_cert, settings.tls_key) if x)
        raise CannotServe(f"TLS cannot be had from {files}: {error.strerror or error}") from None
    return context


async def _listen(runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            line = f"port {port} on {host} is taken: see who holds it with ss -ltnp sport = :{port}"
        else:
            line = f"port {port} on {host} cannot be listened on: {error.strerror or error}"
        raise CannotServe(line) from None


def run(settings: Settings) -> None:
    """Run the service on uvloop. Raises CannotServe and SettingsError."""
    log.configure(settings.log_level, settings.version, settings.color)
    # What is imported stays: looking at it with each full collection cost the p95 a fifth, measured
    # in docs/benchmarks.md.
    gc.freeze()
    gc.set_threshold(GC_YOUNG, 20, 50)
    uvloop.run(serve(settings))
