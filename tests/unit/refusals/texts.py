"""What AWS, botocore and Pulumi really say: texts that were seen, whole lines.

Where from: `cli` made with Pulumi 3.259 on a state of a test, with moto behind an S3 backend; `bug`
as people copied them into issues of pulumi, pulumi-aws, terraform-provider-aws and others.
"""

from __future__ import annotations

CLI = {
    "no credentials for the state": (
        'error: read ".pulumi/meta.yaml": blob (key ".pulumi/meta.yaml") (code=Unknown): operation '
        "error S3: GetObject, get identity: get credentials: failed to refresh cached credentials, "
        "no EC2 IMDS role found, operation error ec2imds: GetMetadata, access disabled to EC2 IMDS "
        'via client option, or "AWS_EC2_METADATA_DISABLED" environment variable'
    ),
    "no bucket for the state": (
        "error: error listing stacks: could not list bucket: blob (code=NotFound): operation error "
        "S3: ListObjectsV2, https response error StatusCode: 404, RequestID: c0wk0NxbA9tXRpM1, "
        "HostID: 9Gjjt1m=, NoSuchBucket: The specified bucket does not exist"
    ),
    "denied the state": (
        'error: read ".pulumi/meta.yaml": blob (key ".pulumi/meta.yaml") (code=PermissionDenied): '
        "operation error S3: GetObject, https response error StatusCode: 403, RequestID: , "
        "HostID: , api error Forbidden: Forbidden"
    ),
    "region of the state": (
        'error: read ".pulumi/meta.yaml": blob (key ".pulumi/meta.yaml") (code=Unknown): operation '
        "error S3: GetObject, https response error StatusCode: 0, RequestID: , HostID: , request "
        'send failed, Get "https://dash-state.s3.eu-centrl-1.amazonaws.com/.pulumi/meta.yaml'
        '?x-id=GetObject": dial tcp: lookup dash-state.s3.eu-centrl-1.amazonaws.com on '
        "192.0.2.53:53: no such host"
    ),
    "locked": (
        "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) "
        "to end or delete the lock file with `pulumi cancel`.\n  s3://dash-state/.pulumi/locks/"
        "organization/dash/staging/0b1c.json: created by anna@laptop (pid 1) at "
        "2026-11-29T10:00:00Z"
    ),
    "another project": 'error: provided project name "shop" doesn\'t match Pulumi.yaml',
    "another key": (
        "error: getting stack configuration: get stack secrets manager: incorrect passphrase"
    ),
}
PENDING = (
    "Destroying (staging):\n\n"
    "    pulumi:pulumi:Stack dash-staging  warning: Attempting to deploy or update resources with "
    "1 "
    "pending operations from previous deployment.\n"
    "    pulumi:pulumi:Stack dash-staging  1 warning\nDiagnostics:\n"
    "  pulumi:pulumi:Stack (dash-staging):\n"
    "    warning: Attempting to deploy or update resources with 1 pending operations from previous "
    "deployment.\n      * urn:pulumi:staging::dash::dash:aws:Host$aws:ec2/instance:Instance::"
    "edge-1, interrupted while creating\n"
    "    These resources are in an unknown state because the Pulumi CLI was interrupted while "
    "waiting for changes to these resources to complete. You should confirm whether or not the "
    "operations listed completed successfully by checking the state of the appropriate provider.\n"
    "\nResources:\n\nDuration: 1s\n"
)
BUG = {
    "image (pulumi#8120)": (
        "Exception: invoke of aws:ec2/getAmi:getAmi failed: invocation of aws:ec2/getAmi:getAmi "
        "returned an error: invoking aws:ec2/getAmi:getAmi: 1 error occurred:\n    \t* Your query "
        "returned no results. Please change your search criteria and try again.\n"
    ),
    "zone (jupyter-deploy#51)": (
        "│ Error: no matching Route 53 Hosted Zone found\n│ \n│   with data.aws_route53_zone."
        "existing[0],\n"
    ),
    "zone (tectonic-forum#251)": (
        "* module.dns.data.aws_route53_zone.tectonic: data.aws_route53_zone.tectonic: no matching "
        "Route53Zone found\n"
    ),
    "certificate never proved (terraform-provider-aws, format string)": (
        "waiting for ACM Certificate (arn:aws:acm:eu-central-1:123456789012:certificate/abc) to be "
        "issued: timeout while waiting for state to become 'ISSUED' (last state: "
        "'PENDING_VALIDATION', timeout: 1h15m0s)"
    ),
    "key on its way out (terraform-provider-aws#17889)": (
        "Error: error scheduling deletion for KMS Key (abc-123): KMSInvalidStateException: "
        "arn:aws:kms:somewhere:123456789012:key/abc-123 is pending deletion."
    ),
    "no credentials (pulumi-aws#3310)": (
        "  pulumi:providers:aws (default_6_18_2):\n    error: pulumi:providers:aws resource "
        "'default_6_18_2' has a problem: No valid credential sources found.\n    Please see "
        "https://www.pulumi.com/registry/packages/aws/installation-configuration/for more "
        "information about providing credentials."
    ),
    "no region (pulumi-aws#3310)": (
        "    error: pulumi:providers:aws resource 'default_6_18_2' has a problem: missing region "
        "information\n    Make sure you have set your AWS region, e.g. `pulumi config set "
        "aws:region us-west-2`."
    ),
    "wrong credentials (pulumi-aws#3310)": (
        "    error: pulumi:providers:aws resource 'default_6_18_2' has a problem: Invalid "
        "credentials configured."
    ),
    "expired (pulumi-aws#2560)": (
        "        * error configuring Terraform AWS Provider: error validating provider "
        "credentials: error calling sts:GetCallerIdentity: operation error STS: GetCallerIdentity, "
        "https "
        "response error StatusCode: 403, RequestID: 87fecadb, api error ExpiredToken: The security "
        "token included in the request is expired"
    ),
    "expired, of the state (pulumi#19452)": (
        "error: post-step event returned an error: failed to save snapshot: An IO error occurred "
        'while writing the new snapshot file: blob (key ".pulumi/stacks/provisioner/prod.json") '
        "(code=Unknown): ExpiredToken: The provided token has expired."
    ),
    "region (upjet#459)": (
        "error calling sts:GetCallerIdentity: operation error STS: GetCallerIdentity, exceeded "
        "maximum number of attempts, 9, https response error StatusCode: 0, RequestID: , request "
        'send failed, Post "https://sts.us-east2.amazonaws.com/": dial tcp: lookup '
        "sts.us-east2.amazonaws.com on 10.96.0.10:53: no such host:"
    ),
    "region (pulumi-aws#1158)": "    \t* Invalid AWS Region: us-east2",
    "bucket (awsgoat#50)": (
        "Error: Error creating S3 bucket: BucketAlreadyExists: The requested bucket name is not "
        "available. The bucket namespace is shared by all users of the system. Please select a "
        "different name and try again.\n│       status code: 409"
    ),
    "quota of vCPUs (amazon-cloudwatch-agent-test#256)": (
        "Error: creating EC2 Instance: VcpuLimitExceeded: You have requested more vCPU capacity "
        "than your current vCPU limit of 32 allows for the instance bucket that the specified "
        "instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to "
        "request an adjustment to this limit."
    ),
    "quota of addresses (tectonic#196)": (
        "* aws_eip.nat_eip.4: Error creating EIP: AddressLimitExceeded: The maximum number of "
        "addresses has been reached."
    ),
    "protected (pulumi, format string of 3.259)": (
        'error: unable to delete resource "urn:pulumi:production::dash::aws:ec2/volume:Volume::'
        'db-1-data" as it is currently marked for protection. To unprotect the resource, '
        "remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
    ),
    "no capacity (ocs-ci#9263)": (
        "Error: creating EC2 Instance: InsufficientInstanceCapacity: We currently do not have "
        "sufficient m6i.xlarge capacity in the Availability Zone you requested (us-east-2a). Our "
        "system will be working on provisioning additional capacity."
    ),
    "half destroyed (zephyr-app#9)": (
        "  aws:ec2:Vpc (eks-vpc):\n    error: deleting urn:pulumi:dev::zephyr-eks::awsx:ec2:Vpc$"
        "aws:ec2/vpc:Vpc::eks-vpc: 1 error occurred:\n        * deleting EC2 VPC "
        "(vpc-0c13ea95e1fc1879d): DependencyViolation: The vpc 'vpc-0c13ea95e1fc1879d' has "
        "dependencies and cannot be deleted."
    ),
    "another program's (port-labs/ocean#854)": (
        "Error: creating IAM Role (port-ocean-launchdarkly-ld_ocean): operation error IAM: "
        "CreateRole, https response error StatusCode: 409, RequestID: 277306c3, "
        "EntityAlreadyExists: Role with name port-ocean-launchdarkly-ld_ocean already exists."
    ),
    "another account (terraform-provider-aws#32352)": (
        "Error: AWS account ID not allowed: 123456789012"
    ),
    "never reachable (Session Manager)": (
        "An error occurred (TargetNotConnected) when calling the StartSession operation: "
        "i-0abc12de34f567890 is not connected."
    ),
}
