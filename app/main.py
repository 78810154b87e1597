"""Build the service and run it."""

from __future__ import annotations

import asyncio
import errno
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import uvloop
from aiohttp import web

from app import log, routes
from app.auth import Authenticator
from app.db import make_pool
from app.health import Health, WrongSchema
from app.metrics import Metrics
from app.middleware import around
from app.settings import Settings

OPEN_TIMEOUT = 5.0  # seconds to close the pool
_log = log.get(__name__)


class CannotServe(Exception):
    """The service cannot run here; `str()` is one line."""


def create_app(settings: Settings) -> web.Application:
    """Return the public application; nothing is connected before it starts."""
    metrics = Metrics(settings.version, settings.color)
    app = web.Application(middlewares=[around(settings, metrics)],
                          client_max_size=settings.max_body)
    app[routes.SETTINGS] = settings
    app[routes.METRICS] = metrics
    app[routes.HEALTH] = Health(settings)
    app[routes.POOL] = make_pool(settings)
    app[routes.AUTH] = Authenticator(app[routes.POOL], settings)
    app.cleanup_ctx.extend([_database, _keys])
    app.add_routes(routes.PUBLIC)
    return app


async def _database(app: web.Application) -> AsyncIterator[None]:
    pool = app[routes.POOL]
    await pool.open(wait=False)
    yield
    await pool.close(timeout=OPEN_TIMEOUT)


async def _keys(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[routes.AUTH].run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await app[routes.AUTH].close()


def private_app(app: web.Application) -> web.Application:
    """Return what the private listener serves."""
    private = web.Application()
    private[routes.METRICS] = app[routes.METRICS]
    private[routes.POOL] = app[routes.POOL]
    private[routes.AUTH] = app[routes.AUTH]
    private.add_routes(routes.PRIVATE)
    return private


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:
        raise CannotServe(f"the certificate {settings.tls_cert} cannot be read: {error}") from None
    return context


async def _listen(runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls, reuse_port=False).start()
    except OSError as error:
        why = ("is taken: see who holds it with ss -ltnp" if error.errno == errno.EADDRINUSE
               else f"cannot be listened on: {error.strerror}")
        raise CannotServe(f"port {port} on {host} {why}") from None


async def serve(settings: Settings, on_ready: Callable[[], None] = lambda: None) -> None:
    """Run until SIGTERM or SIGINT, then let what is under way end.

    Raises:
        CannotServe: a port is taken, or the schema does not fit.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = create_app(settings)
    runner = web.AppRunner(app, handle_signals=False, access_log=None,
                           keepalive_timeout=settings.keep_alive_seconds,
                           shutdown_timeout=settings.drain_seconds)
    private = web.AppRunner(private_app(app), handle_signals=False, access_log=None)
    health = app[routes.HEALTH]
    try:
        tls = _tls(settings)
        await runner.setup()
        await private.setup()
        await _listen(runner, settings.host, settings.port, tls)
        await _listen(private, settings.metrics_host, settings.metrics_port, None)
        _log.info("serve.listening", address=settings.host, port=settings.port)
        gate = asyncio.create_task(health.gate(app[routes.POOL]))
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({gate, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if gate in done:
            try:
                gate.result()
            except WrongSchema as error:
                raise CannotServe(f"this release cannot work with the schema: {error}. "
                                  "Next: python -m app migrate --plan") from None
            on_ready()
            await stopped
        gate.cancel()
    finally:
        health.draining = True
        _log.info("serve.draining")
        await runner.cleanup()
        await private.cleanup()
        _log.info("serve.stopped")


def run(settings: Settings) -> None:
    """Run the service on uvloop. Raises CannotServe."""
    log.configure(settings.log_level, settings.version, settings.color)
    uvloop.run(serve(settings))
