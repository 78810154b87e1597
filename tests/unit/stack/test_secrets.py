"""Where secrets lie: files and parameters do the same, and what goes wrong is one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions
from moto import mock_aws

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import secrets
from ansible_collections.dash.platform.plugins.plugin_utils.secrets import Files, Parameters

REGION, KEY = "eu-west-1", "alias/dash-staging-secrets"


@pytest.fixture(name="aws")
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture(name="where", params=["podman", "aws"])
def _where(request: pytest.FixtureRequest, tmp_path: Path) -> secrets.Source:
    request.getfixturevalue("aws")
    return secrets.of_stack(request.param, str(tmp_path), "/dash/staging", REGION, KEY)


def test_each_provider_has_its_source(tmp_path: Path) -> None:
    files = secrets.of_stack("podman", str(tmp_path), "", "", "")
    parameters = secrets.of_stack("aws", str(tmp_path), "/dash/staging/", REGION, KEY)

    assert files == Files(tmp_path / "secrets")
    assert parameters == Parameters("/dash/staging/", REGION, KEY)


@pytest.mark.parametrize("path", ["", "/"])
def test_a_stack_on_aws_says_where_its_secrets_lie(tmp_path: Path, path: str) -> None:
    with pytest.raises(Fault, match="dash_secrets_path is not set"):
        secrets.of_stack("aws", str(tmp_path), path, REGION, KEY)


@pytest.mark.parametrize("name", ["", "../ca.pem", "a/b", ".hidden", "A", "a b", "a*"])
def test_a_name_cannot_lead_elsewhere(name: str) -> None:
    with pytest.raises(Fault, match="cannot be the name of a secret"):
        secrets.checked(name)


def test_what_nobody_put_there_is_none(where: secrets.Source) -> None:
    assert where.read("x") is None
    assert where.names() == []


def test_what_is_written_is_read_to_the_byte(where: secrets.Source) -> None:
    where.write("a_b.pem", "old")
    where.write("a_b.pem", "one\r\n{{ two }}\n")

    assert where.read("a_b.pem") == "one\r\n{{ two }}\n"
    assert where.names() == ["a_b.pem"]


def test_what_is_there_is_not_made_anew(where: secrets.Source) -> None:
    assert where.offer("x", "first") == "first"
    assert where.offer("x", "second") == "first"
    assert where.read("x") == "first"


def test_files_are_for_the_operator_alone(tmp_path: Path) -> None:
    Files(tmp_path / "secrets").write("x", "y")

    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "secrets/x").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")

    with pytest.raises(Fault, match="x is no text in UTF-8"):
        Files(tmp_path).read("x")


@pytest.mark.usefixtures("aws")
def test_a_parameter_is_encrypted_and_lies_below_the_path() -> None:
    Parameters("/dash/staging", REGION).write("x", "y")

    found = boto3.client("ssm", region_name=REGION).get_parameter(Name="/dash/staging/x")
    assert found["Parameter"]["Type"] == "SecureString"
    assert found["Parameter"]["Value"] != "y"


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("verb", ["write", "offer"])
@pytest.mark.parametrize(("key", "used"), [(KEY, KEY), ("", "alias/aws/ssm")])
def test_a_parameter_is_encrypted_by_the_stacks_own_key(verb: str, key: str, used: str) -> None:
    """A stack that was made before it told its key has the account's."""
    getattr(Parameters("/dash/staging", REGION, key), verb)("x", "y")

    (found,) = boto3.client("ssm", region_name=REGION).describe_parameters()["Parameters"]
    assert found["KeyId"] == used


@pytest.mark.usefixtures("aws")
def test_what_was_written_by_another_key_is_read_and_gets_the_stacks_with_its_next_value() -> None:
    Parameters("/dash/staging", REGION).write("x", "old")
    ours = Parameters("/dash/staging", REGION, KEY)
    assert ours.read("x") == "old"

    ours.write("x", "new")

    (found,) = boto3.client("ssm", region_name=REGION).describe_parameters()["Parameters"]
    assert (ours.read("x"), found["KeyId"]) == ("new", KEY)


def _refused(code: str) -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": "sesame"}}, "GetParameter")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.NoCredentialsError(), "no credentials for AWS. Next: aws sso login"),
        (exceptions.NoRegionError(), "no region. Next: set dash:region"),
        (exceptions.EndpointConnectionError(endpoint_url="x"), "it does not answer"),
        (_refused("AccessDeniedException"), "AccessDeniedException. Next: aws sts"),
        (exceptions.ParamValidationError(report="sesame"), "ParamValidationError"),
    ],
)
@pytest.mark.parametrize("verb", ["read", "write", "offer", "names"])
def test_what_aws_refuses_is_one_line_without_the_secret(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str, verb: str
) -> None:
    class Client:
        class exceptions:  # noqa: N801 -- as botocore has it
            ParameterNotFound = KeyError
            ParameterAlreadyExists = KeyError

        def _fail(self, *_words: Any, **_more: Any) -> None:
            raise error

        get_parameter = put_parameter = get_paginator = _fail

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    monkeypatch.setattr(boto3, "client", lambda *_a, **_k: Client())
    words = {"read": ["x"], "names": [], "write": ["x", "sesame"], "offer": ["x", "sesame"]}

    with pytest.raises(Fault) as caught:
        getattr(Parameters("/dash/staging", REGION), verb)(*words[verb])

    assert str(caught.value).startswith("SSM does not give /dash/staging")
    assert said in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("aws")
def test_without_a_region_anywhere_the_line_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    with pytest.raises(Fault, match="set dash:region"):
        Parameters("/dash/staging").read("x")
