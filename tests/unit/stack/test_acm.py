"""A certificate out of ACM: the export itself, against moto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible.errors import AnsibleLookupError
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from moto import mock_aws

from ansible_collections.dash.platform.plugins.lookup.acm import LookupModule
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import acm

REGION = "eu-central-1"


@pytest.fixture(name="client")
def _client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("acm", region_name=REGION)


def requested(client: Any, export: str = "ENABLED") -> str:
    """Have ACM issue a certificate; return its ARN."""
    made = client.request_certificate(DomainName="dash.example.com", Options={"Export": export})
    return str(made["CertificateArn"])


def test_certificate_and_key_come_as_one_text_without_a_passphrase(client: Any) -> None:
    arn = requested(client)
    text = acm.exported(client, arn)
    certificate = x509.load_pem_x509_certificate(text.encode())
    key = serialization.load_pem_private_key(
        text[text.index("-----BEGIN PRIVATE") :].encode(), None
    )

    assert certificate.public_key() == key.public_key()
    assert text.startswith(client.get_certificate(CertificateArn=arn)["Certificate"].strip())
    assert acm.exported(client, arn) == text  # the same again: nothing is changed on the edges


def test_a_playbook_gets_it_by_the_lookup(client: Any) -> None:
    arn = requested(client)
    (text,) = LookupModule().run([arn], region=REGION)

    assert text == acm.exported(client, arn)
    with pytest.raises(AnsibleLookupError, match="there is none such in this region"):
        LookupModule().run([f"{arn[:-1]}x"], region=REGION)


def test_what_was_not_requested_as_exportable_is_told_so(client: Any) -> None:
    with pytest.raises(Fault, match="it was not requested as exportable"):
        acm.exported(client, requested(client, "DISABLED"))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("ValidationException", "it was not requested as exportable"),
        ("RequestInProgressException", "it is not issued yet"),
        ("AccessDeniedException", "acm:ExportCertificate is not allowed to you"),
        ("ThrottlingException", "ThrottlingException"),
    ],
)
def test_what_acm_says_is_one_line(code: str, why: str) -> None:
    class Client:
        def export_certificate(self, **_: Any) -> None:
            raise acm.ClientError({"Error": {"Code": code}}, "ExportCertificate")

    with pytest.raises(Fault, match=f"certificate arn:x: {why}. Next: "):
        acm.exported(Client(), "arn:x")


def test_no_connection_is_one_line() -> None:
    class Client:
        def export_certificate(self, **_: Any) -> None:
            raise acm.BotoCoreError

    with pytest.raises(Fault, match="ACM cannot be asked for certificate arn:x: "):
        acm.exported(Client(), "arn:x")
