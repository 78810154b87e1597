"""The service without a database of its own: what it meets here are providers."""

from __future__ import annotations

from tests.unit.app.conftest import _clean, _database, _settings

__all__ = ["_clean", "_database", "_settings"]
