"""The ssh key of a stack that a team works with: one for all operators, a copy on each machine.

It is there before the stack is: hosts are given its public half at their first boot. So
`./dash infra bootstrap` makes it, and Pulumi's state never holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import copies
from ansible_collections.dash.platform.plugins.plugin_utils.secrets import Parameters
from ops import state
from ops.console import UserError

if TYPE_CHECKING:
    from ansible_collections.dash.platform.plugins.module_utils.stack import Stack


def take(stack: Stack) -> None:
    """Have the key here, if the stack's state is a team's.

    Raises:
        UserError: nobody keeps one and none is here, the one here is another, or AWS does not say.
    """
    if not state.shared(stack):
        return
    if not _copied(stack) and not (stack.directory / "ssh" / "id_ed25519").exists():
        raise UserError(
            f"the ssh key of {stack.name} is neither here nor in the Parameter Store. Next: "
            f"./dash --stack {stack.name} infra bootstrap, on the machine that made the stack "
            "if there is one"
        )


def offer(stack: Stack, region: str) -> bool:
    """Keep the key that is here or a new one, unless one is kept; tell whether none was.

    The key of the state encrypts it: the stack's others are made by the program.

    Raises:
        UserError: the one here is another, or AWS does not take it.
    """
    where = Parameters(stack.secrets_path, region, state.alias(stack))
    try:
        new = where.read(copies.LOGIN) is None
        copies.login(where, stack.directory, _made)
    except Fault as fault:
        raise UserError(str(fault)) from None
    return new


def _copied(stack: Stack) -> bool:
    where = Parameters(stack.secrets_path, state.settings(stack).get("region", ""))
    try:
        return copies.login(where, stack.directory)
    except Fault as fault:
        raise UserError(str(fault)) from None


def _made() -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 -- few need it
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 -- the same

    key = ed25519.Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH)
    return key.private_bytes(*form, serialization.NoEncryption()).decode()
