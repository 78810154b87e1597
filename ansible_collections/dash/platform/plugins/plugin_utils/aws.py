"""What goes wrong between the controller and AWS, as one line for the operator."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def said(what: str) -> Iterator[None]:
    """Turn what boto3 raises into one line.

    Args:
        what: is not done, "SSM does not give /dash/staging/x".

    Raises:
        Fault: boto3 raised something in the block; why, and what to type next.
    """
    from boto3.exceptions import Boto3Error  # noqa: PLC0415 -- a stack on podman asks nobody
    from botocore import exceptions  # noqa: PLC0415 -- the same

    try:
        yield
    except (exceptions.ClientError, exceptions.BotoCoreError, Boto3Error) as error:
        raise Fault(f"{what}: {_why(error)}") from None


def _why(error: Exception) -> str:
    """Return why AWS did not do it and what to type next; never its answer's text as a whole."""
    from botocore import exceptions  # noqa: PLC0415 -- as above

    if isinstance(error, exceptions.ClientError):
        code = error.response.get("Error", {}).get("Code", "no reason given")
        return f"{code}. Next: aws sts get-caller-identity, and see docs/operations/aws.md"
    if isinstance(error, exceptions.NoCredentialsError | exceptions.TokenRetrievalError):
        return "no credentials for AWS. Next: aws sso login, or export AWS_PROFILE"
    if isinstance(error, exceptions.NoRegionError):
        return "no region. Next: set dash:region of the stack, or export AWS_REGION"
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return "it does not answer. Next: see whether this machine reaches AWS, then again"
    return type(error).__name__
