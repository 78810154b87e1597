"""What is done with agents and their messages. Owns the transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.agents import ending, resume
from app.agents.credentials import Credential, CredentialRepository
from app.agents.ending import Over
from app.agents.mailbox import Kept, Mailbox
from app.agents.processes import ProcessRepository
from app.agents.store import Agent, AgentRepository
from app.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

    from app.agents.frames import Register
    from app.db import Transactions
    from app.settings import Settings

MOST_AGENTS = 1000  # of one user, connected or not
MOST_REFUSED = 100  # numbers that an agent may still ask about
NO_SUCH, FULL = "no_such_agent", "inbox_full"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A connection that began. Messages go on after `after`."""

    agent: Agent
    generation: int
    token: str
    after: int
    online: Sequence[str]
    ends_in: float | None  # seconds that the credential lasts


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A message that an agent sent."""

    seq: int
    to: str
    kind: str
    task_id: str
    ok: bool | None
    body: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of messages: codes of those that go nowhere, whom something waits for here."""

    refused: Mapping[int, str]
    here: Sequence[UUID]


class AgentService:
    """Agents of one process. Every refusal is an Over or an ApiError."""

    def __init__(self, database: Transactions, settings: Settings, process: UUID) -> None:
        self._database, self._settings, self.process = database, settings, process
        self._pepper = settings.pepper()
        self._said = False  # that this process lives: agents of one that never did are cleared up

    async def register(self, credential: Credential, wish: Register) -> Registered:
        """Begin a connection; the one before can write no more and is told so.

        Raises:
            Over: the token is not the agent's latest, or the credential counts no more.
        """

        async def work(connection: AsyncConnection) -> Registered:
            agents, user_id = AgentRepository(connection), credential.user_id
            if not self._said:
                await ProcessRepository(connection).renew(self.process, self._settings.color)
            ends_in = await self._still(connection, credential)
            agent = await agents.lock(user_id, wish.name)
            if agent is None:
                if await agents.count(user_id) >= MOST_AGENTS:
                    raise Over(ending.TOO_MANY)
                await agents.create(user_id, wish.name)
                agent = await agents.lock(user_id, wish.name)
            if agent is None:  # removed again between the two
                raise Over(ending.BUSY)
            after = self._after(agent, wish)
            generation = await agents.connect(agent.id, self.process, wish.capabilities)
            notes: list[Sequence[object]] = []
            if agent.process_id is not None:
                notes.append(("replaced", agent.id, generation))
            if not agent.online:
                notes.append(("presence", user_id, wish.name, 1))
            await agents.tell(*notes)
            return Registered(
                agent=agent,
                generation=generation,
                token=resume.token(self._pepper, agent, generation),
                after=after,
                online=await agents.online(user_id),
                ends_in=ends_in,
            )

        found = await self._database.run(work)
        self._said = True
        return found

    def _after(self, agent: Agent, wish: Register) -> int:
        """Return the number after which messages go on. Raises Over."""
        if wish.resume is None:
            return agent.acked
        if wish.seen > agent.sent or not resume.opens(self._pepper, agent, wish.resume):
            raise Over(ending.RESUME)
        return max(wish.seen, agent.acked)

    async def _still(self, connection: AsyncConnection, credential: Credential) -> float | None:
        """Return how long a credential lasts. Raises Over: it counts no more."""
        idle = self._settings.session_idle_seconds
        found = await CredentialRepository(connection).look([credential], idle)
        if word := found[credential].word:
            raise Over(ending.revoked(word))
        return found[credential].ends_in

    async def confirm(self, agent_id: UUID, generation: int) -> None:
        """Note that an agent got its new token. Raises Over."""
        if not await self._database.run(lambda c: AgentRepository(c).confirm(agent_id, generation)):
            raise Over(ending.REPLACED)

    async def take(self, sender: Agent, generation: int, batch: Sequence[Sent]) -> Taken:
        """Keep messages for their receivers, in order; those that were taken already are not.

        Raises:
            Over: there is a newer connection, or numbers are left out.
        """

        async def work(connection: AsyncConnection) -> Taken:
            agents = AgentRepository(connection)
            names = [sender.name, *(each.to for each in batch)]
            known = await agents.lock_several(sender.user_id, names)
            me = known.get(sender.name)
            if me is None or me.id != sender.id or me.generation != generation:
                raise Over(ending.REPLACED)
            sorting = _Sorting(me, known, self._settings.agent_inbox)
            for each in batch:
                sorting.add(each)
            if sorting.rows:
                await Mailbox(connection).put(sorting.rows)
                await agents.advance(sorting.sent)
            if sorting.received > me.received:
                await agents.received(me.id, sorting.received, sorting.memory())
            there = {row[0] for row in sorting.rows}
            woken = [a for a in known.values() if a.id in there and a.process_id is not None]
            away = [a for a in woken if a.process_id != self.process]
            await agents.tell(*[("messages", each.id) for each in away])
            here = [each.id for each in woken if each.process_id == self.process]
            return Taken(refused=sorting.refused, here=here)

        return await self._database.run(work)

    async def read(self, agent_id: UUID, after: int) -> list[Kept]:
        """Return what waits for an agent after a number, as much as is sent at once."""
        return await self._database.run(lambda c: Mailbox(c).read(agent_id, after))

    async def note(
        self, noted: Sequence[tuple[UUID, int, int]], left: Sequence[tuple[UUID, int]]
    ) -> None:
        """Write what connections acknowledged, and which of them ended."""

        async def work(connection: AsyncConnection) -> None:
            agents = AgentRepository(connection)
            if noted:
                await agents.note(noted)
            if left:
                gone = await agents.leave(left)
                await agents.tell(*[("presence", user, name, 0) for user, name in gone])

        await self._database.run(work)

    async def renew(self, color: str, held: Sequence[tuple[UUID, int]]) -> None:
        """Say that this process lives, and clear up after those that do not."""

        async def work(connection: AsyncConnection) -> None:
            agents, processes = AgentRepository(connection), ProcessRepository(connection)
            await processes.renew(self.process, color)
            if held:  # others may have taken this process for gone
                back = await agents.claim(held, self.process)
                await agents.tell(*[("presence", user, name, 1) for user, name in back])
            gone = await processes.clear()
            await agents.tell(*[("presence", user, name, 0) for user, name in gone])

        await self._database.run(work)

    async def end(self) -> None:
        """Say that this process is gone."""

        async def work(connection: AsyncConnection) -> None:
            processes = ProcessRepository(connection)
            await processes.delete(self.process)
            gone = await processes.clear()
            notes = [("presence", user, name, 0) for user, name in gone]
            await AgentRepository(connection).tell(*notes)

        await self._database.run(work)

    async def expire(self) -> int:
        """Remove messages that are too old, and return how many they were."""
        seconds = self._settings.agent_message_seconds
        return await self._database.run(lambda c: Mailbox(c).expire(seconds))

    async def page(self, user_id: UUID | None, after: UUID | None, limit: int) -> list[Agent]:
        """Return a page of a user's agents, or of everybody's."""
        return await self._database.run(lambda c: AgentRepository(c).page(user_id, after, limit))

    async def delete(self, user_id: UUID, name: str) -> None:
        """Remove an agent that is not connected. Raises NotFound, Conflict."""

        async def work(connection: AsyncConnection) -> None:
            agents = AgentRepository(connection)
            agent = await agents.lock(user_id, name)
            if agent is None:
                raise NotFound("agent")
            if agent.online:
                raise Conflict("the agent is connected: end it first")
            await agents.delete(agent.id)

        await self._database.run(work)


class _Sorting:
    """Gives each message of a batch its number at the receiver, or a reason why it has none."""

    def __init__(self, me: Agent, known: dict[str, Agent], most: int) -> None:
        self._me, self._known, self._most = me, known, most
        self._refusals = dict(me.refused)
        self.received = me.received
        self.refused: dict[int, str] = {}
        self.sent: dict[UUID, int] = {}
        self.rows: list[tuple[UUID, int, str, str, str, bool | None, str]] = []

    def add(self, each: Sent) -> None:
        """Sort one. Raises Over: the one before is missing."""
        if each.seq <= self.received:
            if code := self._refusals.get(str(each.seq)):
                self.refused[each.seq] = code
            return
        if each.seq != self.received + 1:
            raise Over(ending.gap(self.received + 1, each.seq))
        self.received = each.seq
        to = self._known.get(each.to)
        last = self.sent.get(to.id, to.sent) if to is not None else 0
        if to is None or last - to.acked >= self._most:
            code = NO_SUCH if to is None else FULL
            self._refusals[str(each.seq)] = code
            self.refused[each.seq] = code
            return
        self.sent[to.id] = last + 1
        row = (to.id, last + 1, self._me.name, each.kind, each.task_id, each.ok, each.body)
        self.rows.append(row)

    def memory(self) -> dict[str, str]:
        """Return the refusals that are remembered, by number."""
        return dict(list(self._refusals.items())[-MOST_REFUSED:])
