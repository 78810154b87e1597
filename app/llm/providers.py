"""The state of providers, for people and programs; nothing of how they are reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from app.llm.breakerstore import BreakerRepository
from app.models import Answer
from app.parts import DATABASE, GATEWAY
from app.routing import Route, answer

if TYPE_CHECKING:
    from aiohttp import web

READ = "models:read"


class DeploymentState(Answer):
    """A model at a provider. While it is not closed, others stand in for it.

    `half-open` is a probe under way; `forced` is open until an operator closes it. `since` is null
    for one that never failed.
    """

    deployment: str
    provider: str
    model: str
    state: Literal["closed", "open", "half-open", "forced"]
    since: datetime | None
    next_probe_at: datetime | None


class Providers(Answer):
    """Every deployment of the catalog, by name."""

    deployments: list[DeploymentState]


async def look(app: web.Application) -> list[DeploymentState]:
    """Return the state of every deployment: this process's own, with the time that all share."""
    rows = await app[DATABASE].run(lambda c: BreakerRepository(c).list())
    since = {(row["deployment"], row["state"]): row["changed_at"] for row in rows}
    gateway, now, found = app[GATEWAY], datetime.now(UTC), []
    for name, deployment in sorted(gateway.catalog.deployments().items()):
        breaker = gateway.breakers.of(deployment)
        snapshot = breaker.snapshot()
        waits = snapshot.state == "open" and not breaker.probing
        found.append(
            DeploymentState(
                deployment=name,
                provider=deployment.provider,
                model=deployment.model,
                state="half-open" if breaker.probing else snapshot.state.value,
                since=since.get((name, snapshot.state.value)),
                next_probe_at=now + timedelta(seconds=snapshot.probe_in) if waits else None,
            )
        )
    return found


async def list_providers(request: web.Request) -> web.Response:
    """See which providers answer, and which are left alone until when."""
    return answer(Providers(deployments=await look(request.app)))


ROUTES = [
    Route(
        method="GET",
        path="/v1/providers",
        handler=list_providers,
        answer=Providers,
        permission=READ,
    )
]
