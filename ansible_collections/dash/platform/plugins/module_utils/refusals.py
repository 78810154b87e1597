"""What a cloud or Pulumi refuses in many words, in one line that says what to type next.

The words on the left are theirs, as Pulumi 3, its AWS provider 7, botocore and AWS itself say them
(the tests hold the whole texts); the first that is found decides. Standard library only.
"""

from __future__ import annotations

import re

# For what only Pulumi meets; all verbs meet the rest, and say "the same again"
AGAIN = "./dash --stack {stack} provision"
SETTINGS = "infra/stacks/Pulumi.{stack}.yaml"
QUOTA = "https://console.aws.amazon.com/servicequotas"

# (pattern, line): groups of the pattern and {stack} are filled in
RULES: tuple[tuple[str, str], ...] = (
    # A region that is none: its name has no address
    (
        (
            r"(?:Could not connect to the endpoint URL: |request send failed, \w+ )"
            r'"https://(?:[\w.-]+?\.)??(?:ec2|sts|s3|ssm|kms|'
            r"iam)\.(?P<region>[a-z0-9-]+)\.amazonaws"
            r"\.com[^\n]*?(?:no such host|\"\s*$|\"\n)"
        ),
        (
            "no AWS answers in region {region}: it is misspelt in dash:region of "
            f"{SETTINGS}, or this machine has no network. Next: mend it, then the same again"
        ),
    ),
    (
        r'Could not connect to the endpoint URL: "https://(?P<host>[a-z0-9-]+\.amazonaws\.com)/"',
        "{host} does not answer. Next: see whether this machine has a network, then the same again",
    ),
    (
        r"(?:[Ii]nvalid AWS Region: ?|Provided region_name ')(?P<region>[^\s']*)",
        (
            f"{{region}} is no region of AWS. Next: mend dash:region of {SETTINGS}, then the same "
            "again"
        ),
    ),
    (
        r"the region '(?P<seen>[a-z0-9-]+)' is wrong; expecting '(?P<region>[a-z0-9-]+)'",
        (
            "the bucket lies in {region}, and {seen} was asked. Next: say dash:region: {region} in "
            f"{SETTINGS}, then the same again"
        ),
    ),
    (
        r"OptInRequired|InvalidClientTokenId\b[^\n]*opt-in",
        (
            "this account has not turned the region on. Next: turn it on at "
            "https://console.aws.amazon.com/billing/home#/account, or choose another in "
            "dash:region of "
            f"{SETTINGS}"
        ),
    ),
    (
        r"You must specify a region|missing region information|MissingRegion",
        f"no region is set. Next: set dash:region in {SETTINGS}",
    ),
    # Whose credentials
    (
        r"AWS account ID not allowed: (?P<account>\d{12})",
        (
            "these are credentials of account {account}, and dash:account of "
            f"{SETTINGS} names another. Next: export AWS_PROFILE=<the right one>, then the same "
            "again"
        ),
    ),
    (
        r"Passing both a profile and access tokens",
        (
            "AWS_PROFILE and AWS_ACCESS_KEY_ID are both set. Next: unset AWS_ACCESS_KEY_ID "
            "AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
        ),
    ),
    (
        (
            r"The config profile \((?P<profile>[^)]+)\) could not be found|"
            r"failed to get shared config profile, (?P<other>\S+)"
        ),
        (
            "AWS_PROFILE names {profile}{other}, which is not in ~/.aws/config. Next: aws "
            "configure sso "
            "--profile {profile}{other}, or unset AWS_PROFILE"
        ),
    ),
    (
        (
            r"Token has expired and refresh failed|The SSO session associated with this profile "
            r"has "
            r"expired|Error loading SSO Token|InvalidGrantException|ExpiredToken|RequestExpired|"
            r"security token included in the request is expired|cached SSO token is expired"
        ),
        "the AWS credentials have expired. Next: aws sso login, then the same again",
    ),
    (
        (
            r"Unable to locate credentials|No valid credential sources found|"
            r"no EC2 IMDS role found|NoCredentialProviders|Insufficient credentials found|"
            r"No AWSAccessKey was presented"
        ),
        (
            "no AWS credentials are set. Next: export AWS_PROFILE=<name> (aws configure sso makes "
            "one), "
            "then ./dash --stack {stack} doctor"
        ),
    ),
    (
        (
            r"AuthFailure|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|"
            r"UnrecognizedClientException|Invalid credentials configured|"
            r"validate the provided access credentials"
        ),
        (
            "AWS does not take these credentials. Next: aws sts get-caller-identity tells whose "
            "they "
            "are; export AWS_PROFILE=<the right one>"
        ),
    ),
    (
        r"KMSInvalidStateException|key/\S+ is pending deletion",
        (
            "a key of {stack} waits for its end: somebody left for good. Next: aws kms "
            "cancel-key-deletion and enable-key have it back; docs/operations/aws.md, How to "
            "leave, says what a stack of that name takes without it"
        ),
    ),
    (
        r"AccessDenied\w*[^\n]*?kms:Decrypt|kms[^\n]*AccessDenied",
        (
            "these credentials may not use the key of the stack's state. Next: have the account's "
            "owner "
            "add you to it (docs/operations/aws.md, Permissions)"
        ),
    ),
    (
        r"not authorized to perform: (?P<action>[\w:*-]+)|\((?P<other>UnauthorizedOperation)\)",
        (
            "these credentials may not do {action}{other}. Next: docs/operations/aws.md lists the "
            "permissions; aws sts get-caller-identity tells whose these are"
        ),
    ),
    # Pulumi's state
    (
        (
            r"currently locked by \d+ lock\(s\)[^\n]*\n\s*(?P<lock>\S+): created by (?P<who>\S+) "
            r"\(pid \d+\) at (?P<since>\S+)"
        ),
        (
            "{who} has worked on {stack} since {since}. Next: wait; where that command is dead, "
            "type "
            'eval "$(./dash env --stack {stack})" and pulumi cancel'
        ),
    ),
    (
        r"provided project name \"(?P<project>[^\"]+)\" doesn't match",
        (
            "the state of {stack} belongs to the program {project}. Next: git status in this "
            "checkout: "
            "the name in Pulumi.yaml is not Dash's"
        ),
    ),
    (
        r"incorrect passphrase",
        (
            "the state of {stack} was written under another key: it belongs to another program. "
            "Next: "
            'eval "$(./dash env --stack {stack})" and pulumi stack ls --all, which tells whose '
            "they are"
        ),
    ),
    (
        r"stack '(?P<name>[^']+)' is newer than what this version of the Pulumi CLI understands",
        "the state of {stack} was written by a newer Pulumi. Next: git pull, which brings it",
    ),
    (
        r"NoSuchBucket|bucket \S+ is not accessible",
        "the bucket of the state is not there. Next: ./dash --stack {stack} infra bootstrap",
    ),
    (
        r"blob \([^\n]*code=PermissionDenied\)",
        (
            "these credentials may not read or write the state of {stack}. Next: aws sts "
            "get-caller-identity tells whose they are; docs/operations/aws.md, Permissions, says "
            "what they lack"
        ),
    ),
    # What is there already, though the state does not know it
    (
        r"BucketAlreadyExists",
        (
            "the name of a bucket is taken, though the account's number is in it: by hand, or by "
            f"somebody who knew it. Next: aws s3 ls tells whether it is yours, then {AGAIN}"
        ),
    ),
    (
        (
            r"(?:creating (?P<kind>[^:\n(]+?)(?: \((?P<name>[^)\n]+)\))?: [^\n]*?)?\b(?:"
            r"BucketAlreadyOwnedByYou|EntityAlreadyExists|AlreadyExistsException|"
            r"ResourceExistsException|ParameterAlreadyExists|DuplicateLoadBalancerName|"
            r"InvalidGroup\.Duplicate|InvalidPermission\.Duplicate|ResourceAlreadyExistsException|"
            r"DuplicateRecordException)\b"
        ),
        (
            "{kind} {name} is there already and {stack}'s state does not know it: another "
            "program's "
            "stack, or the rest of an interrupted run. Next: pulumi import it, or remove it in "
            "AWS; then "
            f"{AGAIN}"
        ),
    ),
    # What the settings name and the account has not
    (
        r"Your query returned no results",
        (
            f"dash:image of {SETTINGS} names an image that Debian does not publish, or no more. "
            "Next: aws ec2 describe-images --owners 136693071363 --filters "
            "'Name=name,Values=debian-13-amd64-*' --query 'Images[].Name' lists those there are; "
            f"then {AGAIN}"
        ),
    ),
    (
        r"no matching Route ?53 ?(?:Hosted )?Zone found",
        (
            f"the account has no zone that is called as dash:hosted_zone of {SETTINGS} says. Next: "
            "aws route53 list-hosted-zones --query 'HostedZones[].Name' lists those there are; "
            f"then {AGAIN}"
        ),
    ),
    (
        r"waiting for state to become 'ISSUED'",
        (
            "the certificate was not proved: the domain's registrar does not name the servers of "
            f"dash:hosted_zone of {SETTINGS}, or a CAA record does not let Amazon. Next: dig "
            f"+short NS <the zone>, which must show the zone's four; then {AGAIN}"
        ),
    ),
    # Quotas and capacity
    (
        r"current vCPU limit of (?P<limit>\d+)",
        (
            "the account's quota of {limit} vCPUs is used up. Next: ask for more at "
            f"{QUOTA} (EC2, Running On-Demand Standard instances), then {AGAIN}"
        ),
    ),
    (
        (
            r"We currently do not have sufficient (?P<size>\S+) capacity in the Availability Zone "
            r"you "
            r"requested \((?P<zone>[^)]+)\)"
        ),
        (
            "AWS has no {size} left in {zone}. Next: another size in "
            f"{SETTINGS}, or the same later: {AGAIN}"
        ),
    ),
    (
        (
            r"\b(?P<quota>(?:Address|Vpc|NatGateway|Instance|Volume|SecurityGroup|"
            r"RulesPerSecurityGroup|"
            r"VpcEndpoint|NetworkInterface)LimitExceeded|MaxSpotInstanceCountExceeded|"
            r"TooManyBuckets|"
            r"TooManyLoadBalancers|TooManyHostedZones|LimitExceeded(?:Exception)?|"
            r"ServiceQuotaExceededException)\b"
        ),
        (
            f"a quota of the account is used up ({{quota}}). Next: ask for more at {QUOTA}, then "
            f"{AGAIN}"
        ),
    ),
    # What does not go away
    (
        (
            r"marked for protection|disableApiTermination|OperationNotPermitted[^\n]*deletion "
            r"protection"
        ),
        (
            "{stack} is protected: its data is not removed by a slip. Next: "
            "docs/operations/aws.md, "
            "How to leave"
        ),
    ),
    (
        r"BucketNotEmpty|DependencyViolation|ResourceInUse(?:Exception)?\b|DeleteConflict",
        (
            "{stack} is half gone: what is left is in use by something that Pulumi does not know. "
            "Next: "
            "./dash --stack {stack} down again; docs/operations/aws.md, How to leave, has the rest"
        ),
    ),
    # Instances
    (
        r"\((?P<instance>i-[0-9a-f]+)\)[^\n]*timeout while waiting for state to become 'running'",
        (
            "{instance} does not come up. Next: aws ec2 get-console-output --latest --output text "
            f"--instance-id {{instance}} tells why; then {AGAIN}"
        ),
    ),
    (
        r"(?:TargetNotConnected[^\n]*?)?\b(?P<instance>i-[0-9a-f]+) is not connected",
        (
            "{instance} cannot be reached: it does not run, or its agent has not called Systems "
            "Manager. "
            "Next: a minute after its start the same again; then aws ec2 get-console-output "
            "--latest "
            "--output text --instance-id {instance}"
        ),
    ),
)
_COMPILED = tuple((re.compile(pattern, re.MULTILINE), line) for pattern, line in RULES)
_PENDING = re.compile(r"\* urn:\S+\$aws:\S+::(?P<name>\S+?), interrupted while (?P<doing>\w+)")


def explain(text: str, stack: str) -> str:
    """Return the line for what a program printed, "" where it says nothing that we know.

    Args:
        text: all that Pulumi, botocore or Ansible said.
        stack: that it was about.
    """
    for pattern, line in _COMPILED:
        if found := pattern.search(text):
            groups = {name: value or "" for name, value in found.groupdict().items()}
            return " ".join(line.format(stack=stack, **groups).split())
    return ""


def line(text: str, stack: str) -> str:
    """Return one line for what a cloud said: the one that we know, else the first of its own.

    Args:
        text: all that it said.
        stack: that it was about.
    """
    return explain(text, stack) or next(iter(text.strip().splitlines()), "AWS gave no reason")


def in_doubt(text: str, stack: str) -> str:
    """Return a line about what an earlier run was cut off from, "" where it says nothing of that.

    Pulumi goes on without it, and ends well: what it was making in a cloud then may be there,
    unknown to it. In a lab the next run takes what it finds under a name.
    """
    pending = dict.fromkeys(f"{doing} {name}" for name, doing in _PENDING.findall(text))
    if not pending:
        return ""
    return (
        f"an earlier run was cut off while {', '.join(pending)}: it may be there twice, or still. "
        f"Next: look for dash-{stack}-* in AWS's console and remove what is too many; then "
        f'eval "$(./dash env --stack {stack})" and pulumi refresh --clear-pending-creates'
    )
