"""A certificate of AWS Certificate Manager, with its key, in memory alone (on the controller)."""

from __future__ import annotations

import secrets
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import serialization

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line

WHY = {
    "ResourceNotFoundException": "there is none such in this region",
    "RequestInProgressException": "it is not issued yet",
    "ValidationException": "it was not requested as exportable",
    "AccessDeniedException": "acm:ExportCertificate is not allowed to you",
}


def exported(client: Any, arn: str) -> str:
    """Return certificate, chain and key as HAProxy wants them: one PEM text.

    ACM gives the key out under a passphrase, which is made for this one time and forgotten.

    Args:
        client: boto3's client of acm.
        arn: the certificate.

    Raises:
        Fault: ACM does not give it out.
    """
    passphrase = secrets.token_urlsafe(48).encode()
    try:
        got = client.export_certificate(CertificateArn=arn, Passphrase=passphrase)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "an error"))
        raise Fault(
            f"ACM does not export certificate {arn}: {WHY.get(code, code)}. "
            "Next: docs/operations/aws.md"
        ) from None
    except BotoCoreError as error:
        raise Fault(f"ACM cannot be asked for certificate {arn}: {one_line(error)}") from None
    key = serialization.load_pem_private_key(got["PrivateKey"].encode(), passphrase)
    plain = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    parts = [got["Certificate"], got.get("CertificateChain") or "", plain.decode()]
    return "\n".join(part.strip() for part in parts if part.strip())
