"""The wiring's secrets where a stack keeps them in SSM: a simulated one on loopback."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.roles.lookups import ended, templated

KEY = "alias/dash-staging-secrets"
AWS = {
    "dash_provider": "aws", "dash_secrets_path": "/dash/staging/", "dash_region": "eu-west-1",
    "dash_secrets_key": KEY,
}  # fmt: skip


@pytest.fixture(name="ssm", scope="module")
def _ssm() -> Iterator[Any]:
    """A client of an SSM that answers on loopback, for this process and for Ansible's."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield boto3.client("ssm", region_name="eu-west-1")
        ended()
    server.stop()


def wired(variable: str, host: str, state: Path, **given: Any) -> str:
    """Return a variable of the wiring as a host on AWS has it."""
    return templated(variable, host, state, **{**AWS, **given})


def test_both_ends_of_the_database_have_one_password_and_no_file_has_it(
    ssm: Any, tmp_path: Path
) -> None:
    server = wired("postgres_app_password", "db-1", tmp_path)
    client = wired("app_host_db_app_password", "app-blue-1", tmp_path)
    kept = ssm.get_parameter(Name="/dash/staging/db_app_password", WithDecryption=True)

    assert server == client == kept["Parameter"]["Value"]
    assert len(server) == 40
    assert server.isalnum()
    assert kept["Parameter"]["Type"] == "SecureString"
    assert not (tmp_path / "secrets").exists()


def test_what_is_made_is_encrypted_by_the_stacks_key(ssm: Any, tmp_path: Path) -> None:
    wired("grafana_secret_key", "monitor-1", tmp_path)

    name = "/dash/staging/grafana_secret_key"
    (found,) = (
        each
        for page in ssm.get_paginator("describe_parameters").paginate()
        for each in page["Parameters"]
        if each["Name"] == name
    )
    assert found["KeyId"] == KEY


def test_the_pepper_is_longer(ssm: Any, tmp_path: Path) -> None:
    assert len(wired("app_host_key_pepper", "app-blue-1", tmp_path)) == 64
    found = ssm.get_parameter(Name="/dash/staging/key_pepper", WithDecryption=True)
    assert len(found["Parameter"]["Value"]) == 64


def test_what_nobody_can_make_up_is_empty_until_an_operator_puts_it_there(
    ssm: Any, tmp_path: Path
) -> None:
    before = wired("app_host_smtp_password", "app-blue-1", tmp_path)
    ssm.put_parameter(Name="/dash/staging/smtp_password", Value="of mail\n", Type="SecureString")

    assert before == ""
    assert wired("app_host_smtp_password", "app-blue-1", tmp_path) == "of mail"


def test_credentials_of_a_kind_are_found_by_the_beginning_of_their_names(
    ssm: Any, tmp_path: Path
) -> None:
    assert wired("app_host_identity_files", "app-blue-1", tmp_path) == "{}"
    for number in range(12):  # more than one page
        name = f"/dash/staging/identity_{number:02}"
        ssm.put_parameter(Name=name, Value=f"{{{{ {number} }}}}\n", Type="SecureString")
    ssm.put_parameter(Name="/dash/production/identity_x", Value="x", Type="SecureString")
    ssm.put_parameter(Name="/dash/staging/alert_slack", Value="hook\n", Type="SecureString")

    found = ast.literal_eval(wired("app_host_identity_files", "app-blue-1", tmp_path))

    assert found == {f"identity_{n:02}": f"{{{{ {n} }}}}\n" for n in range(12)}
    alerts = wired("alertmanager_credentials", "monitor-1", tmp_path)
    assert ast.literal_eval(alerts) == {"slack": "hook"}


def test_what_people_of_the_monitor_type_is_copied_for_the_operator_alone(
    ssm: Any, tmp_path: Path
) -> None:
    first = wired("prometheus_password", "monitor-1", tmp_path)
    copy = tmp_path / "secrets/prometheus_password"
    assert copy.read_text(encoding="utf-8") == first + "\n"
    assert copy.stat().st_mode & 0o777 == 0o600

    ssm.put_parameter(Name="/dash/staging/prometheus_password", Value="other", Overwrite=True)

    assert wired("prometheus_password", "monitor-1", tmp_path) == "other"
    assert copy.read_text(encoding="utf-8") == "other\n"


def test_a_copy_goes_with_its_secret(ssm: Any, tmp_path: Path) -> None:
    look = "lookup('dash.platform.secret', 'prober_key', make=false, file=true)"
    path = Path(wired(look, "edge-1", tmp_path))
    assert path == tmp_path / "secrets/prober_key"
    assert not path.exists()

    ssm.put_parameter(Name="/dash/staging/prober_key", Value="dk_1", Type="SecureString")
    wired(look, "edge-1", tmp_path)
    assert path.read_text(encoding="utf-8") == "dk_1\n"

    ssm.delete_parameter(Name="/dash/staging/prober_key")
    wired(look, "edge-1", tmp_path)
    assert not path.exists()
