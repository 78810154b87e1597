"""The name of the service and its certificate.

The certificate can be exported: TLS ends at the edges, which fetch it with its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws
from pulumi import ComponentResource, InvokeOptions, Output, ResourceOptions

if TYPE_CHECKING:
    from infra.aws.edge import Edge
    from infra.aws.place import Place

TTL = 300  # seconds of the record that proves the name


class Dns(ComponentResource):
    """Certificate, the record that proves it, and the service's name.

    Attributes:
        certificate_arn: of the certificate, once it is issued.
    """

    def __init__(self, place: Place, edge: Edge, opts: ResourceOptions) -> None:
        super().__init__("dash:aws:Dns", "dns", {}, opts)
        self._place, self._child = place, ResourceOptions(parent=self)
        zone = aws.route53.get_zone_output(
            name=place.cloud.hosted_zone, private_zone=False, opts=InvokeOptions(parent=self)
        ).zone_id
        self.certificate_arn = self._certificate(zone)
        aws.route53.Record(
            "service",
            zone_id=zone,
            name=place.cloud.domain,
            type="A",
            aliases=[
                {"name": edge.dns_name, "zone_id": edge.zone_id, "evaluate_target_health": False}
            ],
            opts=self._child,
        )
        self.register_outputs({"certificate_arn": self.certificate_arn})

    def _certificate(self, zone: Output[str]) -> Output[str]:
        certificate = aws.acm.Certificate(
            "certificate",
            domain_name=self._place.cloud.domain,
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            options={"export": "ENABLED"},
            tags=self._place.tags("certificate", "edge"),
            opts=self._child,
        )
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            "certificate",
            zone_id=zone,
            name=proof.resource_record_name,
            type=proof.resource_record_type,
            records=[proof.resource_record_value],
            ttl=TTL,
            allow_overwrite=True,  # the same name always has the same proof
            opts=self._child,
        )
        return aws.acm.CertificateValidation(
            "certificate",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self._child,
        ).certificate_arn
