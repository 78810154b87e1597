"""A certificate out of ACM: the export itself, against moto."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible.errors import AnsibleLookupError
from ansible.plugins.loader import lookup_loader
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto import mock_aws

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault
from ansible_collections.dash.platform.plugins.plugin_utils import acm

REGION = "eu-central-1"


@pytest.fixture(name="client")
def _client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("acm", region_name=REGION)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    """Return a key as ACM's exports hold it, without the passphrase."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def imported(client: Any) -> tuple[str, bytes, bytes]:
    """Put a certificate into ACM; return its ARN, itself and its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dash.example.com")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=90))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    arn = client.import_certificate(Certificate=made, PrivateKey=pem(key))["CertificateArn"]
    return arn, made, pem(key)


def test_certificate_and_key_come_as_one_text_without_a_passphrase(client: Any) -> None:
    arn, certificate, key = imported(client)
    text = acm.exported(client, arn)

    assert text.startswith(certificate.decode().strip())
    assert text.endswith(key.decode().strip())
    assert "ENCRYPTED" not in text
    assert acm.exported(client, arn) == text  # the same again: nothing is changed on the edges


def test_a_playbook_gets_it_by_the_lookup(client: Any) -> None:
    arn, certificate, _ = imported(client)
    lookup = lookup_loader.get("dash.platform.acm")
    (text,) = lookup.run([arn], {}, region=REGION)

    assert text.startswith(certificate.decode().strip())
    with pytest.raises(AnsibleLookupError, match="there is none such in this region"):
        lookup.run([f"{arn}0"], {}, region=REGION)


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
