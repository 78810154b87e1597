"""AWS as the simulation reaches it: botocore's models of the calls, and the calls."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import jmespath
from botocore.exceptions import ClientError

from tests.infra.simulated import fitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import Shape

# How services say that a thing is not there. Half of them have their own word for it.
GONE = re.compile(r"NotFound|NoSuch|404|DoesNotExist|InvalidAssociationID|NonExistent")
ACCOUNT = "123456789012"  # moto's


class Cloud:
    """Calls to where AWS_ENDPOINT_URL points. One after the other: moto is not made for more."""

    def __init__(self, region: str) -> None:
        self.region = region

    @cache  # noqa: B019 -- lives as long as the process
    def client(self, service: str) -> Any:
        """Return a service's client."""
        return boto3.client(service, region_name=self.region)

    def shape(self, service: str, call: str) -> Shape:
        """Return the model of a call's arguments."""
        client = self.client(service)
        name = client.meta.method_to_api_mapping[call]
        return client.meta.service_model.operation_model(name).input_shape

    def call(self, service: str, call: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call with arguments in AWS' own spelling. Raises ClientError."""
        answer: dict[str, Any] = getattr(self.client(service), call)(**arguments)
        answer.pop("ResponseMetadata", None)
        return answer

    def run(
        self,
        service: str,
        call: str,
        arguments: Mapping[str, Any],
        words: Mapping[str, str],
        state: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Make a call with arguments that are fitted to it.

        Args:
            service: whose client makes it.
            call: its name.
            arguments: values, under any spelling.
            words: more of them, as expressions over a state.
            state: that state.

        Raises:
            ClientError: AWS says no.
            KeyError: an argument is none of the call's.
        """
        found = {key: jmespath.search(text, state) for key, text in words.items()}
        given = {key: value for key, value in {**found, **arguments}.items() if value is not None}
        fitted = fitting.fit(self.shape(service, call), given)
        return self.call(service, call, fitted)

    def look(
        self, service: str, call: str, words: Mapping[str, str], state: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Make a call that shows a thing; None when there is none such. Raises ClientError."""
        try:
            return self.run(service, call, {}, words, state)
        except ClientError as error:
            if gone(error):
                return None
            raise


def gone(error: ClientError) -> bool:
    """Tell whether AWS says that a thing is not there."""
    return bool(GONE.search(error.response["Error"]["Code"]))
