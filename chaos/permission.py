"""Who may break what: the stack says it, and production wants a reason as well."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from chaos.running import Refused

if TYPE_CHECKING:
    from chaos.client import Stack

WHY = "DASH_CHAOS_WHY"


def why() -> str:
    """Return the reason that the operator gave."""
    return os.environ.get(WHY, "").strip()


def check(stack: Stack, reason: str) -> None:
    """Refuse a stack that does not allow chaos. Raises Refused, with what to change."""
    if not stack.chaos:
        raise Refused(
            f'{stack.name} does not allow chaos: set dash:chaos to "true" in '
            f"infra/stacks/Pulumi.{stack.name}.yaml, then ./dash --stack {stack.name} provision"
        )
    if stack.name == "production" and not reason:
        raise Refused(f"chaos in production needs a reason: add --why (by hand: {WHY}=...)")
