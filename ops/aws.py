"""AWS as `./dash` itself asks it: soon given up, and what it refuses in one line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils import refusals
from ops.console import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT = 10  # seconds for a connection


def client(service: str, region: str) -> Any:  # noqa: ANN401 -- boto3's clients have no types
    """Return a client of a service in a region."""
    import boto3  # noqa: PLC0415 -- it takes a second
    from botocore.config import Config  # noqa: PLC0415 -- the same

    quick = Config(connect_timeout=WAIT, retries={"total_max_attempts": 3})
    return boto3.client(service, region_name=region, config=quick)


@contextmanager
def said(stack: str) -> Iterator[None]:
    """Turn what boto3 raises about a stack into one line. Raises UserError."""
    import botocore.exceptions as botocore  # noqa: PLC0415 -- boto3 takes a second

    try:
        yield
    except (botocore.BotoCoreError, botocore.ClientError, ValueError) as error:
        raise UserError(refusals.line(str(error), stack)) from None
