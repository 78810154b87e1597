"""Runbooks as programs: the commands that a page says mend what its alert tells of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chaos.client import ROOT, WorldError

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK = re.compile(r"^```sh mend\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(name: str, labels: Mapping[str, str]) -> list[str]:
    """Return the commands of a runbook, HOST and UNIT as the alert has them.

    Raises:
        WorldError: the page has none.
    """
    path = ROOT / "docs" / "runbooks" / f"{name}.md"
    try:
        found = BLOCK.search(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WorldError(f"{path}: {error.strerror}") from None
    lines = [line for line in (found[1].splitlines() if found else ()) if line.strip()]
    if not lines:
        raise WorldError(f"{path} has no block ```sh mend: nothing to run")
    known = {"HOST": labels.get("host", ""), "UNIT": labels.get("name", "")}
    for word, value in known.items():
        lines = [re.sub(rf"\b{word}\b", value, line) if value else line for line in lines]
    if left := [word for word in known for line in lines if re.search(rf"\b{word}\b", line)]:
        raise WorldError(f"{path} names {left[0]}, which the alert does not tell")
    return lines
