"""Look up a certificate of AWS Certificate Manager together with its key."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.dash.platform.plugins.module_utils.errors import Fault

DOCUMENTATION = """
name: acm
short_description: A certificate of AWS Certificate Manager, with its key
description:
  - Gives certificate, chain and key as one PEM text. The certificate must be exportable.
  - The key is decrypted in memory; nothing is written. Use it where C(no_log) is set.
options:
  _terms:
    description: ARNs.
    required: true
  region:
    description: The region of the certificate.
    type: str
    required: true
"""


class LookupModule(LookupBase):
    """One PEM text an ARN."""

    def run(self, terms: list[str], *_: Any, region: str, **__: Any) -> list[str]:
        """Return what is looked for. Raises AnsibleLookupError."""
        import boto3  # noqa: PLC0415 -- half a second, which a stack on podman does not spend

        from ansible_collections.dash.platform.plugins.plugin_utils import (  # noqa: PLC0415 -- the same
            acm,
        )

        client = boto3.client("acm", region_name=region)
        try:
            return [acm.exported(client, str(arn)) for arn in terms]
        except Fault as fault:
            raise AnsibleLookupError(str(fault)) from None
