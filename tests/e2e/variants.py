"""Releases for the tests: copies of the app with one thing changed, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Edit = Callable[[Path], None]


def _note(text: str) -> Edit:
    """A release that differs from the checkout in a remark alone."""

    def edit(source: Path) -> None:
        with (source / "app/__init__.py").open("a", encoding="utf-8") as file:
            file.write(f"\n# {text}\n")

    return edit


def _patched(patch: str) -> Edit:
    """A release that runs some lines before anything else."""

    def edit(source: Path) -> None:
        main = source / "app/__main__.py"
        text = main.read_text(encoding="utf-8")
        head, sep, tail = text.partition("from __future__ import annotations\n")
        main.write_text(head + sep + patch + tail if sep else patch + text, encoding="utf-8")

    return edit


def _middleware(body: str) -> Edit:
    """A release whose every API request runs `body` (async) before the handler."""
    return _patched(
        "import asyncio as _asyncio\n"
        "from aiohttp import web as _web\n"
        "_resolve = _web.UrlDispatcher.resolve\n"
        "_seen = {'n': 0}\n"
        "async def _patched(self, request):\n"
        "    if request.path not in ('/healthz', '/readyz'):\n"
        "        _seen['n'] += 1\n"
        f"        {body}\n"
        "    return await _resolve(self, request)\n"
        "_web.UrlDispatcher.resolve = _patched\n"
    )


def _migration(name: str, text: str) -> Edit:
    """A release with one more migration."""

    def edit(source: Path) -> None:
        (source / f"app/migrations/{name}.sql").write_text(text, encoding="utf-8")

    return edit


def _before_access(source: Path) -> None:
    """A release that does not know the migrations with which people sign in, nor later ones."""
    for file in (source / "app/migrations").glob("*.sql"):
        if file.stem >= "0005":
            file.unlink()


def _dies(source: Path) -> None:
    """A release that ends as soon as it starts."""
    main = source / "app/__main__.py"
    text = main.read_text(encoding="utf-8").replace("from __future__ import annotations\n", "")
    head = "import sys\nif 'serve' in sys.argv:\n    sys.exit('this release dies at once')\n"
    main.write_text(head + text, encoding="utf-8")


# Each of these passes the smoke test: it is short.
_CLOSES = """import collections
from app.agents import connection as _module
_handle, _heard = _module.Connection._handle, collections.Counter()
async def _patched(self, *words):
    _heard[id(self)] += 1
    if _heard[id(self)] > 6:
        self._request.transport.abort()
    return await _handle(self, *words)
_module.Connection._handle = _patched
"""
_DROPS = """from app.agents import mailbox as _module
_put, _seen = _module.Mailbox.put, {'n': 0}
async def _patched(self, rows):
    _seen['n'] += 1
    return await _put(self, rows[1:] if _seen['n'] % 9 == 0 else rows)
_module.Mailbox.put = _patched
"""
_CUTS = """from app import echo as _module
_write = _module._write
async def _patched(response, text):
    if text.startswith('id: 12\\n'):
        raise ConnectionError
    return await _write(response, text)
_module._write = _patched
"""
_EXPAND = """-- class: expand
-- migrate:up
CREATE TABLE e2e_notes (id integer PRIMARY KEY);
-- migrate:risk
SELECT 'e2e_notes', count(*) FROM e2e_notes;
-- migrate:down
DROP TABLE e2e_notes;
"""
_HALF = """-- class: expand
-- migrate:up
CREATE TABLE e2e_half (id integer PRIMARY KEY);
SELECT 1/0;
-- migrate:risk
SELECT 'e2e_half', count(*) FROM e2e_half;
-- migrate:down
DROP TABLE e2e_half;
"""
_CONTRACT = """-- class: contract
-- migrate:up
COMMENT ON TABLE users IS 'contracted';
-- migrate:down
COMMENT ON TABLE users IS NULL;
"""
_IRREVERSIBLE = _CONTRACT.replace("contract\n", "irreversible\n").replace("contracted", "for ever")

VARIANTS: dict[str, Edit] = {
    "plain": _note("plain"),
    "second": _note("second"),
    "third": _note("third"),
    "before_access": _before_access,
    "expand": _migration("9001_e2e_notes", _EXPAND),
    "edited": _migration("9001_e2e_notes", _EXPAND.replace("integer", "bigint")),
    "half": _migration("9002_e2e_half", _HALF),
    "contract": _migration("9003_e2e_contract", _CONTRACT),
    "irreversible": _migration("9004_e2e_irreversible", _IRREVERSIBLE),
    "dies": _dies,
    "answers_500": _middleware("raise RuntimeError('bad release')"),
    "is_slow": _middleware("await _asyncio.sleep(0.4)"),
    "is_slower": _middleware("await _asyncio.sleep(0.05)"),  # a deploy's proof does not mind
    "bad_after_switch": _middleware(
        "if _seen['n'] > 450: raise RuntimeError('bad after the switch')"
    ),
    "fails_once": _middleware("if _seen['n'] == 150: raise RuntimeError('once, too')"),
    "closes_sockets": _patched(_CLOSES),
    "drops_messages": _patched(_DROPS),
    "cuts_streams": _patched(_CUTS),
    "fails_rarely": _middleware("if _seen['n'] == 120: raise RuntimeError('once')"),
}
