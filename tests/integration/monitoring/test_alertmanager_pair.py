"""Two Alertmanagers of one stack: people are told once, and still when one of both is gone."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.monitoring.promtool import run
from tests.roles.rendering import render, unit

HERE = Path(__file__).parent
RECEIVER = HERE.parents[2] / "roles/alertmanager/molecule/default/files/receiver.py"
WORK = "/work"  # what promtool.run calls the folder
PAIR = {"127.0.0.1": "127.0.0.2", "127.0.0.2": "127.0.0.1"}
HOOK = {"name": "hook", "kind": "webhook", "url": "http://127.0.0.1:9901/x", "severities": ["page"]}


def certificates(work: Path, usage: str) -> None:
    """Make an authority and one certificate for both addresses, good for what is said."""
    names = ",".join(f"IP:{address}" for address in PAIR)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    ca = ["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"]
    own = ["-subj", "/CN=monitor", "-keyout", "tls.key", "-out", "tls.pem"]
    own += ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE"]
    own += ["-addext", f"subjectAltName={names}", "-addext", f"extendedKeyUsage={usage}"]
    for more in (ca, own):
        argv = ["openssl", "req", "-x509", *key, *more]
        subprocess.run(argv, cwd=work, check=True, capture_output=True)
    (work / "tls.key").chmod(0o644)  # in the container another user reads it


def command(address: str, **given: Any) -> list[str]:
    """Return how the role's unit starts one, with its files in the test's folder."""
    given["alertmanager_address"] = address
    text = render("alertmanager", "alertmanager-override.conf.j2", **given).replace("\\\n", "")
    [line] = [x for x in unit(text)["Service"]["ExecStart"] if x]
    own = {
        "--config.file": f"--config.file={WORK}/alertmanager.yml",
        "--storage.path": f"--storage.path=/tmp/{address}",
        "--web.config.file": "--log.level=error",  # without TLS and password: the test asks
    }
    words = shlex.split(line.replace("${CREDENTIALS_DIRECTORY}", WORK))
    return [own.get(word.partition("=")[0], word) for word in words]


def played(work: Path, usage: str) -> dict[str, Any]:
    """Return what `pair.py` saw."""
    certificates(work, usage)
    files = {
        "alertmanager.yml": render(
            "alertmanager", "alertmanager.yml.j2", alertmanager_receivers=[HOOK]
        ),
        "cluster.yml": render("alertmanager", "cluster.yml.j2").replace("/etc/dash", WORK),
        "commands.json": json.dumps(
            {f"{own}:9093": command(own, alertmanager_peers=[other]) for own, other in PAIR.items()}
        ),
    }
    for name, text in files.items():
        (work / name).write_text(text, encoding="utf-8")
    for path in (HERE / "pair.py", RECEIVER):
        shutil.copy(path, work)
    said = run(work, f"python3 pair.py {WORK}").strip().splitlines()
    document: dict[str, Any] = json.loads(said[-1])
    return document


@pytest.mark.slow  # 68 s: it waits for groups of alerts
@pytest.mark.timeout(300)
def test_people_are_told_once_by_two_and_still_by_the_one_that_is_left(tmp_path: Path) -> None:
    found = played(tmp_path, "serverAuth,clientAuth")

    assert found == {"peers": [2, 2], "both": [["AppDown"]], "one": [["DiskFull"]]}


@pytest.mark.slow  # 90 s: it waits for a cluster that never comes about
@pytest.mark.timeout(300)
def test_who_has_a_certificate_that_is_no_monitor_s_is_not_heard(tmp_path: Path) -> None:
    """The stack's authority vouches for every host; that of a monitor alone is good for clients."""
    found = played(tmp_path, "serverAuth")

    assert found["peers"] == [1, 1]
    assert found["both"] == [["AppDown"], ["AppDown"]], "each tells for itself"
