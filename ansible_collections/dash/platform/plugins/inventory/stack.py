"""Hosts of a stack, from the outputs of Pulumi: the seam between infra/ and the roles."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

from ansible_collections.dash.platform.plugins.module_utils import files, refusals
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.module_utils.stack import (
    MONITOR,
    ZONES,
    Stack,
    StackError,
)
from ansible_collections.dash.platform.plugins.plugin_utils import copies, instances, secrets
from ansible_collections.dash.platform.plugins.plugin_utils.instances import NoHosts

DOCUMENTATION = """
name: stack
short_description: Hosts of a Dash stack
description:
  - Reads the outputs of the stack's Pulumi program. On AWS its instances are found by their tags,
    through the plugin amazon.aws.aws_ec2.
options:
  plugin:
    description: dash.platform.stack
    required: true
    type: str
  stack:
    description: lab, staging or production
    required: true
    type: str
"""
TIMEOUT = 60  # seconds for `pulumi stack output`
SSM_TIMEOUT = 30  # seconds to connect: a session by SSM is a call, a web socket and ssh inside it
GROUPS = ("edge", "app", "app_blue", "app_green", "db", "monitor", "simulator")


def read_outputs(stack: Stack) -> dict[str, Any]:
    """Return the stack's outputs; kept beside the state and read again when the state changed.

    Of a state that lies elsewhere nobody here sees a change: it is asked every time.

    Raises:
        NoHosts: the stack is not up, or Pulumi cannot be asked.
    """
    if elsewhere := shared_state(stack):
        return _ask(stack, elsewhere)
    state = stack.directory / "pulumi" / ".pulumi" / "stacks" / "dash" / f"{stack.name}.json"
    try:
        stat = state.stat()
    except OSError:
        raise NoHosts(_nothing(stack)) from None
    key = [stat.st_mtime_ns, stat.st_size]
    kept = stack.directory / "outputs.json"
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["key"] == key:
            return dict(known["outputs"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    outputs = _ask(stack, f"file://{stack.directory / 'pulumi'}")
    files.write_json(kept, {"key": key, "outputs": outputs})
    return outputs


def shared_state(stack: Stack) -> str:
    """Return the URL of the bucket that holds the stack's state, "" when it lies here.

    The same as `ops.state.shared`, which knows Pulumi's side of it; a test compares the two.
    """
    file, kept = f"infra/stacks/Pulumi.{stack.name}.yaml", stack.directory / "overrides.json"
    try:
        found = dict(yaml.safe_load((stack.root / file).read_text(encoding="utf-8"))["config"])
        if kept.exists():
            said = json.loads(kept.read_text(encoding="utf-8"))
            found |= {f"dash:{key}": value for key, value in said.items()}
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        raise NoHosts(f"{file} or {kept} cannot be read: mend it") from None
    return str(found.get("dash:state", "")) if found.get("dash:provider") == "aws" else ""


def _nothing(stack: Stack) -> str:
    return f"stack {stack.name} has no hosts: type ./dash --stack {stack.name} up"


def _ask(stack: Stack, backend: str) -> dict[str, Any]:
    """Have Pulumi tell the outputs of this stack, whichever one the environment is set for."""
    environment = {**os.environ, "PULUMI_BACKEND_URL": backend, "PULUMI_CONFIG_PASSPHRASE": ""}
    try:
        done = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", stack.name, "--non-interactive"],
            cwd=stack.root, env=environment, capture_output=True, text=True, timeout=TIMEOUT,
            check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        outputs: dict[str, Any] = json.loads(done.stdout)
    except FileNotFoundError:
        raise NoHosts('pulumi is not on PATH: type eval "$(./dash env)" first') from None
    except subprocess.TimeoutExpired:
        raise NoHosts(f"pulumi stack output gave no answer within {TIMEOUT} s") from None
    except subprocess.CalledProcessError as error:
        raise NoHosts(refusals.explain(error.stderr, stack.name) or _nothing(stack)) from None
    except ValueError:
        raise NoHosts(_nothing(stack)) from None
    if not outputs.get("hosts"):
        raise NoHosts(_nothing(stack))
    return outputs


class InventoryModule(BaseInventoryPlugin):
    """Groups by what hosts are (edge, app, …) and where (zone_a, …), and what the roles read."""

    NAME = "dash.platform.stack"

    def verify_file(self, path: str) -> bool:
        """Only dash.yml is ours."""
        return bool(super().verify_file(path)) and Path(path).name == "dash.yml"

    def parse(
        self,
        inventory: Any,
        loader: Any,
        path: str,
        cache: bool = True,  # noqa: FBT001, FBT002 -- the same
    ) -> None:
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        root = Path(path).absolute().parents[2]
        try:
            stack = Stack(root, str(self.get_option("stack")), os.environ.get("DASH_LAB") or "")
        except StackError as error:
            raise AnsibleParserError(str(error)) from None
        outputs, hosts = self._outputs(stack)
        for group in (*GROUPS, *(f"zone_{zone}" for zone in ZONES)):
            self.inventory.add_group(group)
        for name, value in _common(stack, outputs).items():
            self.inventory.set_variable("all", name, value)
        for host in hosts:
            self._add(host)

    def _outputs(self, stack: Stack) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the stack's outputs and hosts, or end ansible with one line.

        Ansible makes a warning of whatever a plugin raises and goes on without hosts: a deploy of
        nothing would end with 0. A look at the syntax needs no hosts.
        """
        try:
            outputs = read_outputs(stack)
            if outputs["provider"] != "aws":
                return outputs, outputs["hosts"]
            hosts, troubles = instances.find(stack, outputs, self.loader)
            _bring(stack, outputs)
        except NoHosts as error:
            if context.CLIARGS.get("syntax"):
                raise
            sys.stderr.write(f"{error.message}\n")
            raise SystemExit(1) from None
        for line in troubles:
            sys.stderr.write(f"{line}\n")
        return outputs, hosts

    def _add(self, host: dict[str, Any]) -> None:
        """Add a host with the variables that hosts of every provider have, all of them."""
        name = host["name"]
        self.inventory.add_host(name, group=host["role"])
        if host["color"]:
            self.inventory.add_host(name, group=f"app_{host['color']}")
        zone = host.get("zone") or _zone(name)
        self.inventory.add_host(name, group=f"zone_{zone}")
        instance = host.get("instance_id", "")
        for key, value in {
            "ansible_host": instance or host["address"],
            "dash_role": host["role"],
            "dash_color": host["color"],
            "dash_zone": zone,
            "dash_address": host["address"],
            "dash_container": host.get("container", ""),
            "dash_instance_id": instance,
            "dash_volumes": host.get("volumes", {}),  # their ids by what they hold
            "dash_trouble": host.get("trouble", ""),  # why it cannot answer, with what to type
        }.items():
            self.inventory.set_variable(name, key, value)


def _bring(stack: Stack, outputs: dict[str, Any]) -> None:
    """Have the stack's ssh key here, and what else a colleague's machine lacks. Raises NoHosts."""
    where = secrets.Parameters(stack.secrets_path, outputs["region"])
    try:
        copies.login(where, stack.directory)
        copies.read_here(where, stack.directory)
    except Fault as fault:
        raise NoHosts(str(fault)) from None


def _zone(name: str) -> str:
    """Return the zone in which the host of this name would lie in a cloud: its number says it."""
    return ZONES[(int(name.rpartition("-")[2]) - 1) % len(ZONES)]


def _connection(stack: Stack, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return how ssh reaches the hosts, for Ansible, `./dash shell` and every helper."""
    known = f"-o UserKnownHostsFile={stack.directory / 'known_hosts'}"
    key = "-o HostKeyAlgorithms=ssh-ed25519"
    if outputs["provider"] != "aws":
        return {"ansible_ssh_common_args": f"{known} -o StrictHostKeyChecking=yes {key}"}
    words = ["env", f"PYTHONPATH={stack.root}", sys.executable, "-m", "ops.tunnel"]
    proxy = shlex.join([*words, stack.name, outputs["region"]]).replace("%", "%%") + " %h %p"
    return {
        # By SSM a host is called by its instance, and IAM has proved that it is that one: its key
        # is made at its first start, taken then, and held to from then on.
        "ansible_ssh_common_args": (
            f"{known} -o StrictHostKeyChecking=accept-new {key} "
            f"-o {shlex.quote(f'ProxyCommand={proxy}')}"
        ),
        "ansible_ssh_timeout": SSM_TIMEOUT,
    }


def _preview(stack: Stack, outputs: dict[str, Any]) -> str:
    """Return where the controller reaches the preview: on AWS it comes by ssh (ops.forward)."""
    if outputs["provider"] == "aws":
        return f"https://127.0.0.1:{stack.port('preview')}"
    return str(outputs["urls"]["preview"])


def _common(stack: Stack, outputs: dict[str, Any]) -> dict[str, Any]:
    """Return what every host of the stack shares."""
    directory = stack.directory
    return {
        "ansible_user": "ansible",
        "ansible_ssh_private_key_file": str(directory / "ssh" / "id_ed25519"),
        **_connection(stack, outputs),
        "dash_stack": stack.name,
        "dash_root": str(stack.root),
        "dash_state_dir": str(directory),
        "dash_public_url": outputs["urls"]["https"],
        "dash_preview_url": _preview(stack, outputs),
        "dash_monitor_urls": {
            name: url for name, url in outputs["urls"].items() if name.partition("-")[0] in MONITOR
        },
        "dash_network": outputs["network"],
        "dash_provider": outputs["provider"],
        "dash_chaos": outputs.get("chaos", False),  # one that was made before has no such output
        "dash_python": sys.executable,
        # Of a cloud; empty where there is none
        "dash_region": outputs.get("region", ""),
        "dash_buckets": outputs.get("buckets", {}),
        "dash_load_balancer_cidrs": outputs.get("load_balancer_cidrs", []),
        "dash_secrets_path": outputs.get("secrets_path", ""),
        "dash_secrets_key": outputs.get("secrets_key", ""),
        "dash_certificate_arn": outputs.get("certificate_arn", ""),
    }
