"""Every page, and the proof that it can be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from monitoring.dashboards import board
from monitoring.dashboards.pages import (
    chaos,
    database,
    hosts,
    providers,
    release,
    service,
    slos,
)  # fmt: skip

if TYPE_CHECKING:
    from monitoring.dashboards.model import Page

PAGES: tuple[Page, ...] = (
    service.PAGE, release.PAGE, hosts.PAGE, database.PAGE, providers.PAGE, slos.PAGE, chaos.PAGE,
)  # fmt: skip


def texts() -> dict[str, str]:
    """Return every dashboard's JSON by its uid."""
    return {one.uid: json.dumps(board.page(one), indent=1, sort_keys=True) + "\n" for one in PAGES}
