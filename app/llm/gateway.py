"""The gateway of a process: catalog, providers, breakers, gates and accounts, put together."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiohttp

from app.llm import catalog
from app.llm.accounting import Accounts
from app.llm.attempts import Attempts, Lease
from app.llm.breakers import Breakers
from app.llm.chat import ModelCard, ModelList
from app.llm.gate import Gate
from app.llm.idempotency import Replays
from app.llm.kinds import KINDS
from app.llm.meters import Meters
from app.llm.upstream import Upstream
from app.llm.watch import Watch

if TYPE_CHECKING:
    from app.access.limits import Limiter
    from app.db import Transactions
    from app.llm.chat import Chat
    from app.llm.work import Work
    from app.metrics import Metrics
    from app.settings import Settings

DNS_SECONDS = 30
IDLE_SECONDS = 20.0  # that a connection to a provider is kept


class Gateway:
    """One per process; nothing is connected before `open`."""

    def __init__(
        self, settings: Settings, database: Transactions, limiter: Limiter, metrics: Metrics
    ) -> None:
        self.catalog = catalog.load(settings)
        self.names = self.catalog.names()
        self.meters = Meters(metrics.registry)
        self.accounts = Accounts(database, self.meters)
        self.breakers = Breakers(self.catalog.deployments().values(), database, self.meters)
        self.gates = {
            name: Gate(p.concurrency, p.queue, p.queue_seconds)
            for name, p in self.catalog.providers.items()
        }
        self.attempts = Attempts(self.catalog, self.gates, self.breakers, self.meters)
        self.watch, self.replays = Watch(), Replays()
        self._keys = {
            name: settings.credential(p.credential) if p.credential else ""
            for name, p in self.catalog.providers.items()
        }
        self._limiter = limiter
        self._since = int(time.time())
        self._session: aiohttp.ClientSession | None = None
        self._upstreams: dict[str, Upstream] = {}
        self._left: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Make what needs a running loop; connections come with the first calls."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ttl_dns_cache=DNS_SECONDS, keepalive_timeout=IDLE_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._upstreams = {
            name: Upstream(p, KINDS[p.kind](), self._session, self._keys[name])
            for name, p in self.catalog.providers.items()
        }

    def call(self, lease: Lease, chat: Chat) -> tuple[Upstream, dict[str, Any]]:
        """Return the provider that a lease is for, and the request in its form. Raises Failure."""
        model, deployment, _ = lease.step
        upstream = self._upstreams[deployment.provider]
        return upstream, upstream.adapter.body(chat, model, deployment)

    def models(self) -> ModelList:
        """Return what can be asked for, by every name."""
        cards = [
            ModelCard(id=name, created=self._since, owned_by=self.catalog.models[model].owner)
            for name, model in sorted(self.names.items())
        ]
        return ModelList(data=cards)

    async def reserve(self, work: Work) -> None:
        """Take what a request can cost from its key's budget. Raises ApiError."""
        await work.reserve(self._limiter, self.catalog.models[work.model])

    def ended(self, work: Work) -> None:
        """Note how a request ended, in the loop's next turn: the answer leaves before that."""
        asyncio.get_running_loop().call_soon(self._note, work)

    def _note(self, work: Work) -> None:
        work.note(self.accounts, self.meters)
        if work.key.token_budget is not None:
            task = asyncio.create_task(work.settle(self._limiter))
            self._left.add(task)
            task.add_done_callback(self._left.discard)

    def show(self) -> None:
        """Bring gauges up to date."""
        self.meters.pending.set(len(self.accounts))
        for name, gate in self.gates.items():
            self.meters.taken.labels(name).set(gate.taken)
            self.meters.queued.labels(name).set(gate.queued)

    async def run(self) -> None:
        """Do what goes on beside requests, until cancelled."""
        await asyncio.gather(self.accounts.run(), self.breakers.run(), self.watch.run())

    async def close(self) -> None:
        """Write what is left to write, and close the connections."""
        await asyncio.gather(*self._left, return_exceptions=True)
        await self.accounts.close()
        if self._session is not None:
            await self._session.close()
