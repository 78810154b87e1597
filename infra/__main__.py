"""The stack's program: reads settings, wires components, exports the seam to Ansible."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ansible_collections.dash.platform.plugins.module_utils.stack import StackError  # noqa: E402 -- the path comes first
from infra import keys, settings  # noqa: E402 -- the path comes first
from infra.components.lab import Lab, LabArgs, urls  # noqa: E402 -- the path comes first
from infra.podman import image  # noqa: E402 -- the path comes first


def main() -> None:
    """Make what the settings say."""
    wanted = settings.load(ROOT)
    stack = wanted.stack
    if wanted.provider == "aws":
        raise StackError(
            f"stack {stack.name} is on AWS, which comes with a later release of Dash. Next: "
            f"rehearse it here with ./dash up --stack {stack.name} --provider podman"
        )
    args = LabArgs(
        stack=stack,
        image=image.tag(),
        keys=keys.ensure(stack),
        edge_hosts=wanted.edge_hosts,
        app_hosts=wanted.app_hosts,
        db_hosts=wanted.db_hosts,
        monitor_hosts=wanted.monitor_hosts,
        simulator_hosts=wanted.simulator_hosts,
    )
    lab = Lab("lab", args)
    pulumi.export("hosts", lab.hosts)
    pulumi.export("provider", wanted.provider)
    pulumi.export("chaos", wanted.chaos)
    pulumi.export("network", stack.subnet)
    pulumi.export("urls", urls(stack, monitored=bool(wanted.monitor_hosts)))


try:
    main()
except StackError as error:
    raise pulumi.RunError(str(error)) from None
