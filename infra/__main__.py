"""The stack's program: reads settings, wires components, exports the seam to Ansible."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ansible_collections.dash.platform.plugins.module_utils.stack import StackError  # noqa: E402 -- the path comes first
from infra import settings  # noqa: E402 -- the path comes first


def main() -> None:
    """Make what the settings say, with the provider that they name."""
    wanted = settings.load(ROOT)
    # Only what is used is imported: pulumi-aws takes seconds that a lab need not wait
    if wanted.provider == "aws":
        from infra.components.cloud import stack_of  # noqa: PLC0415 -- see above
    else:
        from infra.components.lab import stack_of  # noqa: PLC0415 -- see above
    for name, value in stack_of(wanted).items():
        pulumi.export(name, value)


try:
    main()
except StackError as error:
    raise pulumi.RunError(str(error)) from None
