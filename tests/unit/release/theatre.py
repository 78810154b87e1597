"""Plays the real playbooks against hosts that are stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.unit.release.stand import Stand, Version

ROOT = Path(__file__).resolve().parents[3]
FAKES = Path(__file__).with_name("fakes")
PLUGINS = ROOT / "ansible_collections/dash/platform/plugins"
MODULES = sorted(p.stem for p in (PLUGINS / "modules").glob("*.py"))
SILENT = ("outcome", "release_facts")  # change no host

Call = dict[str, Any]


@dataclass(frozen=True)
class Played:
    """How a playbook ended."""

    code: int
    output: str
    document: dict[str, Any]
    calls: list[Call]

    @property
    def line(self) -> str:
        return str(self.document["line"])

    @property
    def entry(self) -> dict[str, Any]:
        """The ledger entry that the edges were told."""
        return dict(self.entries()[-1])

    def entries(self) -> list[dict[str, Any]]:
        """Return the ledger entries that the edges were told, in order."""
        return [c["args"]["entries"][0] for c in self.of("operation") if c["args"].get("entries")]

    def of(self, module: str, **args: Any) -> list[Call]:
        """Return the calls of a module with these arguments."""
        return [
            c
            for c in self.calls
            if c["module"] == module and all(c["args"].get(k) == v for k, v in args.items())
        ]

    def hosts(self, module: str, **args: Any) -> list[str]:
        """Return on which hosts a module was called with these arguments."""
        return sorted(c["host"] for c in self.of(module, **args))

    def order(self) -> list[str]:
        """Return which modules changed something, each once, in order; states with them."""
        names = [
            c["module"] + (f":{c['args']['state']}" if "state" in c["args"] else "")
            for c in self.calls
            if c["module"] not in SILENT
        ]
        return list(dict.fromkeys(names))


@dataclass
class Theatre:
    """A directory with a collection, an inventory, an operator's state, and a scenario."""

    directory: Path
    preview_url: str
    chaos: bool = True  # whether the stack may be broken on purpose
    scenario: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plugins = self.directory / "collections/ansible_collections/dash/platform/plugins"
        (plugins / "action").mkdir(parents=True)
        for real in ("module_utils", "plugin_utils", "lookup"):
            (plugins / real).symlink_to(PLUGINS / real)
        for action in (PLUGINS / "action").glob("*.py"):
            (plugins / "action" / action.name).symlink_to(action)
        for name in MODULES:
            (plugins / "action" / f"{name}.py").symlink_to(FAKES / "module.py")
        ops = self.root / "ops"
        ops.mkdir(parents=True)
        for name in ("__init__", "__main__", "artifact", "promotion", "prober"):
            (ops / f"{name}.py").symlink_to(FAKES / f"{name}.py")
        (self.root / "chaos").mkdir()
        (self.root / "chaos/__init__.py").touch()
        (self.root / "chaos/__main__.py").symlink_to(FAKES / "suite.py")
        (ops / "heartbeat.py").symlink_to(ROOT / "ops/heartbeat.py")
        (self.state / "secrets").mkdir(parents=True)
        (self.state / "secrets/prober_key").write_text("key\n", encoding="utf-8")
        programs = self.directory / "bin"
        programs.mkdir()
        (programs / "ssh").write_text("#!/bin/sh\nexec cat >/dev/null\n", encoding="utf-8")
        (programs / "ssh").chmod(0o755)

    @property
    def root(self) -> Path:
        return self.directory / "root"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def set(self, stand: Stand, version: Version | None = None, **more: Any) -> None:
        """Say what the hosts are like, what is released, and what goes wrong."""
        artifact = None
        if version is not None:
            path = self.directory / f"dash-{version.name}-{version.digest[:12]}.tar.zst"
            path.write_bytes(b"artifact")
            artifact = {
                "path": str(path),
                "version": version.name,
                "digest": version.digest,
                "git_sha": "abc",
                "schema": {"expand": list(version.known), "contract": [], "irreversible": []},
            }
        told = [{h: dict(f) for h, f in stand.facts.items()}]
        for host, f in told[0].items():
            if f["role"] in ("edge", "db"):
                f["ledger"] = stand.ledger
            if host in stand.facts and not f.get("unreachable"):
                f.pop("clock_skew")
        figures = "0 failed of 600 requests, worst gap 12 ms"
        report = {"sent": 600, "judged": 600, "failed": 0, "limited": 0, "summary": figures}
        idle = "blue" if stand.active == "green" else "green"
        self.scenario = {
            "facts": told,
            "fail": {},
            "documents": {"migrate --json": {"applied": []}},
            "artifact": artifact,
            "promoted": {},
            "public": {**report, "failed_after": 0},
            "preview": {**report, "by_color": {idle: {"n": 600, "p95_ms": 3.0}}},
            "colors": [stand.active, idle],
            **more,
        }
        self._inventory(stand)

    def _inventory(self, stand: Stand) -> None:
        groups: dict[str, dict[str, Any]] = {}
        for host, f in stand.facts.items():
            (self.directory / "hosts" / host / "opt/dash/artifacts").mkdir(
                parents=True, exist_ok=True
            )
            group = f"app_{f['color']}" if f["role"] == "app" else f["role"]
            found = groups.setdefault(group, {"hosts": {}})
            found["hosts"][host] = {
                "ansible_host": host,
                "dash_role": f["role"],
                "dash_color": f["color"],
                "dash_address": "127.0.0.1",
            }
        app = {k: groups.pop(k) for k in list(groups) if k.startswith("app_")}
        common = {
            "ansible_connection": "folder",
            "ansible_python_interpreter": sys.executable,
            "dash_stack": "lab",
            "dash_root": str(self.root),
            "dash_state_dir": str(self.state),
            "dash_public_url": "https://127.0.0.1:1",
            "dash_preview_url": self.preview_url,
            "dash_network": "none",
            "dash_provider": "podman",
            "dash_chaos": self.chaos,
            "dash_python": sys.executable,
            # The configuration of the stand-ins' releases, whatever the defaults say
            "release_watch_seconds": 1,
            "release_rollback_watch_seconds": 1,
        }
        everything = {"all": {"vars": common, "children": {**groups, "app": {"children": app}}}}
        text = yaml.safe_dump(everything, sort_keys=False)
        (self.directory / "hosts.yml").write_text(text, encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.directory / 'bin'}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_CONNECTION_PLUGINS": str(FAKES / "connections"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.directory / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(self.directory / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORKS": "12",
            "DASH_FAKE": str(self.directory),
        }

    def play(self, name: str, **extra: Any) -> Played:
        """Run a playbook to its end."""
        for old in ("calls.jsonl", "state/operation.json"):
            (self.directory / old).unlink(missing_ok=True)
        text = json.dumps(self.scenario)
        (self.directory / "scenario.json").write_text(text, encoding="utf-8")
        (self.directory / "ansible.cfg").touch()
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                str(ROOT / "playbooks" / f"{name}.yml"),
                *("-i", str(self.directory / "hosts.yml"), "-e", json.dumps(extra)),
            ],
            cwd=self.directory,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=170,
        )
        calls = self.directory / "calls.jsonl"
        lines = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
        document = self.state / "operation.json"
        return Played(
            done.returncode,
            done.stdout + done.stderr,
            json.loads(document.read_text(encoding="utf-8")) if document.exists() else {},
            [json.loads(line) for line in lines],
        )
