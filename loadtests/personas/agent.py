"""An agent on its WebSocket: sends tasks, answers others', comes back when it is told to."""

from __future__ import annotations

from typing import Any

import gevent
from locust import User, task

from loadtests import kinds, world
from loadtests.dialogue import Dialogue
from loadtests.personas.wire import Ended, Refused, Wire

RESTART = 1012
RETRY = 0.5  # seconds between two attempts to connect
START = 20.0  # seconds in which an agent is connected, at the start
DRAIN = 8.0  # seconds at the end in which what is under way arrives


class Agent(User):
    """One agent. Its tasks go to the next agent of the same account in this process."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 -- locust's Environment
        super().__init__(environment)
        self.world = world.of(environment)
        self.number = self.world.number()
        self.side, self.url = self.world.side("agent")
        self.key = self.world.key(self.number)
        self.dialogue = Dialogue(f"load-{self.world.token}-{self.number}", self.world.ledger)
        self.ring = self.world.agents[f"{self.side} {self.key}"]
        self.pace = self.world.pace("agent")
        self._wire: Wire | None = None
        self._leaving = self._stopping = False
        self._life: gevent.Greenlet | None = None

    def wait_time(self) -> float:
        """Return how long until the next task."""
        return self.pace.wait(world.now())

    def context(self) -> dict[str, Any]:
        """Tell listeners whom this agent asks."""
        return {"side": self.side}

    def on_start(self) -> None:
        """Connect; whoever cannot goes on trying."""
        self.world.counts["agents"] += 1
        self._life = gevent.spawn(self._live)
        end = world.now() + START
        while self._wire is None and world.now() < end:
            gevent.sleep(0.05)

    @task
    def send(self) -> None:
        """Send a task to the next agent, and say what was dealt with."""
        if self._wire is None:
            return
        wire, place = self._wire, self.ring.index(self.dialogue.name)
        to = self.ring[(place + 1) % len(self.ring)]
        wire.say(self.dialogue.task(to, world.now()))
        if (said := self.dialogue.ack()) is not None:
            wire.say(said)

    def on_stop(self) -> None:
        """Get no more tasks, wait for what is under way, and leave."""
        self._stopping = True
        if self.dialogue.name in self.ring:
            self.ring.remove(self.dialogue.name)
        end = world.now() + DRAIN
        while self.world.ledger.owed(self.dialogue.name) and world.now() < end:
            gevent.sleep(0.05)
        self._leaving = True
        if self._wire is not None:
            self._wire.close()
        if self._life is not None:
            self._life.kill()

    def _live(self) -> None:
        """Connect, again and again, until this agent leaves."""
        while not self._leaving:
            ended, wait = self._connection()
            self._wire = None
            if ended is None or self._leaving:
                gevent.sleep(wait)
                continue
            if ended.code == RESTART:
                self.world.counts["resumed"] += 1
            else:
                self.world.counts["lost"] += 1
                self._tell(None, f"closed with {ended.code} ({ended.reason.partition(':')[0]})")
            gevent.sleep(wait)

    def _connection(self) -> tuple[Ended | None, float]:
        """Connect and live until the end; return how it ended, None when it never began."""
        began = world.now()
        try:
            wire = Wire(self.url, self.key, self.world.target)
        except Refused as why:
            self._tell(began, f"no socket: {why}")
            return None, RETRY
        wire.say(self.dialogue.hello())
        while isinstance(heard := wire.hear(), dict) and heard["type"] != "registered":
            pass
        if isinstance(heard, Ended):
            self._tell(began, f"not registered: {heard.code} ({heard.reason.partition(':')[0]})")
            return None, RETRY
        for message in self.dialogue.welcome(heard):
            wire.say(message)
        self._tell(began)
        if self.dialogue.name not in self.ring and not self._stopping:
            self.ring.append(self.dialogue.name)
        self._wire = wire
        return self._listen(wire)

    def _listen(self, wire: Wire) -> tuple[Ended, float]:
        """Hear until the end; return it, and how long to stay away."""
        wait = RETRY
        while isinstance(document := wire.hear(), dict):
            if document["type"] == "reconnect":
                wait = float(document["after_ms"]) / 1000
                continue
            heard = self.dialogue.hear(document, world.now())
            if heard.seconds is not None:
                self._fire(kinds.DELIVERY, heard.seconds * 1000, None)
            for answer in heard.answers:
                wire.say(answer)
        return document, wait

    def _tell(self, began: float | None, fault: str = "") -> None:
        """Count a connection, or why there is none."""
        took = 0.0 if began is None else (world.now() - began) * 1000
        self._fire(kinds.CONNECT, took, RuntimeError(fault) if fault else None)

    def _fire(self, kind: str, took: float, error: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type=kind, name="/ws", response_time=took, response_length=0,
            exception=error, context=self.context(),
        )  # fmt: skip
