"""What a host does at its first boot: only what must be there before Ansible can come.

Debian's image has Python and cloud-init; it lacks the user of the playbooks and the agent of
Systems Manager, through which ssh comes.
"""

from __future__ import annotations

import json

AGENT = (
    "https://amazon-ssm-{region}.s3.{region}.amazonaws.com/latest/debian_amd64/amazon-ssm-agent.deb"
)
PACKAGE = "/run/amazon-ssm-agent.deb"


def cloud_config(name: str, public_key: str, region: str) -> str:
    """Return a host's user data.

    Args:
        name: the host's, as in the lab.
        public_key: the stack's, in one line: whose holder is the user `ansible`.
        region: from whose bucket the agent comes.
    """
    user = {
        "name": "ansible",
        "gecos": "Dash's playbooks",
        "shell": "/bin/bash",
        "lock_passwd": True,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": [public_key],
    }
    # A fresh network may be late: the agent is the only way in, so it is asked for again
    fetch = ["curl", "-fsS", "--retry", "30", "--retry-delay", "5", "--retry-all-errors"]
    document = {
        "hostname": name,
        "preserve_hostname": False,
        "users": [user],
        "ssh_pwauth": False,
        "disable_root": True,
        "packages": ["curl"],
        "runcmd": [
            [*fetch, "-o", PACKAGE, AGENT.format(region=region)],
            # Not dpkg: it gives up at once where the day's upgrades are under way
            ["apt-get", "--yes", "-o", "DPkg::Lock::Timeout=600", "install", PACKAGE],
            ["systemctl", "enable", "--now", "amazon-ssm-agent.service"],
        ],
    }
    return "#cloud-config\n" + json.dumps(document, indent=1) + "\n"  # JSON is YAML too
