"""Load by hand: `locust -f loadtests/locustfile.py --headless [--shape 20]`.

Everything that locust can do works: `--processes 2`, `--master` and `--worker`, its page.
"""

from __future__ import annotations

from locust import LoadTestShape

from loadtests import listeners, world
from loadtests.personas.agent import Agent
from loadtests.personas.client import ApiClient
from loadtests.personas.person import Person
from loadtests.personas.streamer import StreamingClient

__all__ = ["Agent", "ApiClient", "Load", "Person", "StreamingClient"]


class Load(LoadTestShape):
    """As many users as the shape of `--shape` wants."""

    def tick(self) -> tuple[int, float] | None:
        """Return (users, users a second); None at the end, of stairs at the knee."""
        if self.runner is None:
            return None
        shape, at = world.of(self.runner.environment).shape, self.get_run_time()
        judge = listeners.judge_of(self.runner.environment)
        users = shape.users(at)
        if users is None or (judge is not None and judge.over(at)):
            return None
        return users, shape.spawn
