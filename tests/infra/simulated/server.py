"""Moto's server, with what moto leaves out of permissions.

It asks policies about the resource too, where moto does that for S3 alone. Of roles and users
nothing is asked until `/moto-api/reset-auth` says so. Signatures, conditions and keys' own policies
are not looked at; what a bucket denies to those who come without TLS is not denied, as here
everybody does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto import server
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AccessDeniedError, JsonRESTError
from moto.iam.access_control import IAMPolicyStatement, IAMRequest, IAMRequestBase, PermissionResult

if TYPE_CHECKING:
    from collections.abc import Mapping

_JUDGE = IAMPolicyStatement.is_action_permitted


def resources(service: str, place: str, given: Mapping[str, Any]) -> list[str]:
    """Return the ARNs that a call is about, each of which has to be allowed; `*` for no one's.

    Source: AWS' Service Authorization Reference, the services' tables of actions.

    Args:
        service: whose call it is.
        place: region and account, as they stand in an ARN.
        given: the call's arguments.
    """
    if service == "ssm" and "Target" in given:
        document = f"arn:aws:ssm:{place.partition(':')[0]}::document/{given['DocumentName']}"
        return [f"arn:aws:ec2:{place}:instance/{given['Target']}", document]
    if service == "ssm":
        name = given.get("Name") or given.get("Path") or ""
        return [f"arn:aws:ssm:{place}:parameter/{name.strip('/')}"]
    if service == "ec2" and "InstanceId" in given:
        return [f"arn:aws:ec2:{place}:instance/{given['InstanceId']}"]
    return [str(given.get("CertificateArn", "*"))]


def _judge(statement: IAMPolicyStatement, *about: Any) -> PermissionResult:
    if "aws:SecureTransport" in json.dumps(statement._statement):
        return PermissionResult.NEUTRAL
    return _JUDGE(statement, *about)


def _ask(response: Any, _resource: str = "*") -> None:
    service = response.headers.get("Authorization", "").partition("Credential=")[2].split("/")[3]
    try:
        given = json.loads(response.body)
    except (ValueError, TypeError):  # EC2 speaks in forms
        given = {key: values[0] for key, values in response.querystring.items()}
    for arn in resources(service, f"{response.region}:{response.current_account}", given):
        try:
            response._authenticate_and_authorize_action(IAMRequest, arn)
        except AccessDeniedError as error:
            if "X-Amz-Target" not in response.headers:
                raise
            # Moto says it in XML, which clients of services that speak JSON cannot read
            raise JsonRESTError("AccessDeniedException", error.message) from None


def main() -> None:
    """Run it, with the arguments of moto's."""
    mixin, request, statement = ActionAuthenticatorMixin, IAMRequestBase, IAMPolicyStatement
    mixin._authenticate_and_authorize_normal_action = _ask  # type: ignore[method-assign, assignment]  # moto's
    request.check_signature = lambda _: None  # type: ignore[method-assign, assignment]  # moto's
    statement.is_action_permitted = _judge  # type: ignore[method-assign, assignment]  # moto's
    statement._check_conditions = lambda *_: True  # type: ignore[method-assign]  # moto's
    server.main()


if __name__ == "__main__":
    main()
