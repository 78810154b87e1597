"""/docs: the description as a page without a script, made once."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.openapi import Document

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
}
STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
article { border-top: 1px solid #8886; padding: .5rem 0; }
h2 code b { display: inline-block; min-width: 4.5rem; }
h2 { font-size: 1.05rem; margin: .5rem 0 0; }
pre { overflow-x: auto; padding: .75rem; background: #8882; border-radius: .3rem; }
summary { cursor: pointer; }
summary:focus-visible { outline: 2px solid; }
"""


def page(document: Document) -> str:
    """Return the page of a description."""
    info = document["info"]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])} {escape(info['version'])}</title>",
            '<link rel="stylesheet" href="/docs/style.css"></head><body>',
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            f"<pre>{escape(info['description'])}</pre>",
            '<p>For programs: <a href="/openapi.json">/openapi.json</a></p><main>',
            *(
                _operation(path, method, operation)
                for path, methods in document["paths"].items()
                for method, operation in methods.items()
            ),
            "</main><h2>Models</h2>",
            *(_details(n, s, n) for n, s in document["components"]["schemas"].items()),
            "</body></html>\n",
        ]
    )


def _operation(path: str, method: str, operation: Document) -> str:
    name = escape(operation["operationId"])
    return "\n".join(
        [
            f'<article id="{name}"><h2><code><b>{method.upper()}</b> {escape(path)}</code></h2>',
            f"<p>{escape(operation['summary'])} {_who(operation)}</p>",
            *_parts(operation),
            "</article>",
        ]
    )


def _who(operation: Document) -> str:
    if not operation["security"]:
        return "Open to everybody."
    if permission := operation.get("x-permission"):
        return f"Needs a key that may <code>{escape(permission)}</code>."
    return "Needs a key."


def _parts(operation: Document) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        yield _details(f"{parameter['in']}: {parameter['name']}", parameter["schema"])
    if "requestBody" in operation:
        yield _details("body", operation["requestBody"]["content"]["application/json"]["schema"])
    for status, response in operation["responses"].items():
        yield _details(f"{status} {response['description']}", response.get("content", {}))


def _details(title: str, content: Any, name: str = "") -> str:  # noqa: ANN401 -- parts of JSON
    anchor = f' id="model-{escape(name)}"' if name else ""
    shown = escape(json.dumps(content, indent=2, ensure_ascii=False))
    return f"<details{anchor}><summary>{escape(title)}</summary><pre>{shown}</pre></details>"
