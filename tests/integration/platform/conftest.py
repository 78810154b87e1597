"""A host under a temporary directory: its paths, its HAProxy, its systemd."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.dash.platform.plugins.module_utils import haproxy, paths, switch
from tests.integration.platform.edges import ID
from tests.integration.platform.fake_haproxy import Backend, FakeHaproxy
from tests.integration.platform.fake_programs import Programs

MODULES = "ansible_collections.dash.platform.plugins.modules"

RunModule = Callable[..., dict[str, Any]]


@pytest.fixture(name="root", autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put everything that lies on a host under a temporary directory."""
    for name in ("var/edge", "etc/maps", "opt/artifacts", "opt/releases"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(paths, "STATE", tmp_path / "var")
    monkeypatch.setattr(paths, "FENCE", tmp_path / "var/fence")
    monkeypatch.setattr(paths, "EDGE_STATE", tmp_path / "var/edge")
    monkeypatch.setattr(paths, "MAP", tmp_path / "etc/maps/active.map")
    monkeypatch.setattr(paths, "CERTIFICATE", tmp_path / "etc/edge.pem")
    monkeypatch.setattr(paths, "HAPROXY_SOCKET", tmp_path / "admin.sock")
    monkeypatch.setattr(paths, "OPT", tmp_path / "opt")
    monkeypatch.setattr(paths, "ETC", tmp_path / "etc")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)  # of the tester; no host has it
    monkeypatch.setattr(switch, "PATIENCE", 0.2)
    monkeypatch.setattr(haproxy, "POLL", 0.02)
    paths.MAP.write_text("active blue\n", encoding="ascii")
    return tmp_path


@pytest.fixture(name="proxy")
def _proxy(root: Path) -> Iterator[FakeHaproxy]:
    """A running HAProxy whose colours have one server each, both up."""
    backends = {f"app_{c}": Backend({f"app-{c}-1": "UP"}) for c in ("blue", "green")}
    with FakeHaproxy(root / "admin.sock", paths.MAP, backends) as proxy:
        yield proxy


@pytest.fixture(name="programs")
def _programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """systemctl, systemd-run and journalctl that write down how they were called."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    programs = Programs(directory)
    for name in ("systemctl", "systemd-run", "journalctl"):
        programs.have(name)
    return programs


@pytest.fixture(name="run_module")
def _run_module(capsys: pytest.CaptureFixture[str]) -> RunModule:
    """Run a module of the collection as Ansible does and return its JSON document."""

    def run(name: str, /, **params: Any) -> dict[str, Any]:
        module = importlib.import_module(f"{MODULES}.{name}")
        capsys.readouterr()
        with patch_module_args(params), pytest.raises(SystemExit):
            module.main()
        document = json.loads(capsys.readouterr().out)
        document.pop("invocation", None)
        return dict(document)

    return run


@pytest.fixture(name="edge")
def _edge(proxy: FakeHaproxy, programs: Programs) -> switch.Edge:
    """An edge on blue, with an operation that has begun."""
    assert proxy.map == {"active": "blue"}
    assert programs.calls("systemd-run") == []
    edge = switch.Edge()
    edge.operation.begin({"id": ID, "kind": "deploy", "to_color": "green"})
    return edge
