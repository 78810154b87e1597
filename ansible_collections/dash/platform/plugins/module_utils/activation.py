"""Which release an app host runs: move the links, start the unit, wait until it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils import files, service

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.dash.platform.plugins.module_utils.releases import Host

Current = dict[str, str]


def _marker(host: Host) -> Path:
    """Say where stands what was started: links alone may have been moved by a run cut short."""
    return host.opt / ".activated.json"


def _runs(host: Host, wanted: Current, address: str) -> bool:
    """Tell whether this release was started with this configuration, and is ready."""
    if files.read_json(_marker(host)) != wanted:
        return False
    answer = service.ask(address)
    return not answer.why and answer.version in ("", wanted["version"])


def start(
    host: Host, version: str, config: str, config_hash: str, *, address: str, seconds: float
) -> bool:
    """Make a release with a configuration the one that runs; False when it does already.

    Args:
        host: where releases lie.
        version: of a release that is on the host.
        config: text of the configuration, "" for one that is kept already.
        config_hash: its SHA-256.
        address: where the service will listen.
        seconds: until it must be ready.

    Raises:
        ReleaseError: release or configuration are not here; nothing was changed.
        NotReady: it does not start; the links stay, who calls decides what to put back.
    """
    if config:
        host.configure(config, config_hash)
    host.check(version, config_hash)
    wanted = {"version": version, "config_hash": config_hash}
    if host.points_to(version, config_hash) and _runs(host, wanted, address):
        return False
    _marker(host).unlink(missing_ok=True)
    host.point_to(version, config_hash)
    service.restart()
    service.wait_ready(address, seconds, version)
    files.write_json(_marker(host), wanted)
    return True


def stop(host: Host) -> bool:
    """Stop the unit and leave the host without a current release; False when it had none.

    Raises NotReady when the unit does not stop; the links stay then.
    """
    had = (host.opt / "current").is_symlink() or service.state() == "active"
    service.stop()
    _marker(host).unlink(missing_ok=True)
    host.point_nowhere()
    return had
