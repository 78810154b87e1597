"""The routes of all pages."""

from __future__ import annotations

from app.web import account, assets, keys, overview, reset, signing

ROUTES = [
    *overview.ROUTES,
    *signing.ROUTES,
    *keys.ROUTES,
    *account.ROUTES,
    *reset.ROUTES,
    *assets.ROUTES,
]
