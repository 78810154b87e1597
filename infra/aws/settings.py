"""What a stack on AWS must say beyond hosts: where, under which name, how big, how well kept.

Every value is judged here, before any call: what AWS would refuse after minutes is refused now.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.dash.platform.plugins.module_utils.stack import ZONES, StackError

if TYPE_CHECKING:
    from collections.abc import Callable

# Letters of zones by ours, where they differ: what a new account is given there
ODD_ZONES = {"ap-northeast-1": "acd", "ca-central-1": "abd"}
NO_REGION = ("us-west-1",)  # two zones only
VOLUME = (10, 16384)  # GiB of a gp3 volume that holds anything
MOST_USD = 1_000_000
_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# Families whose disks have no NVMe id, by which hosts find theirs (AWS: "Xen-based instances"), and
# one of ARM without the letter
_NO_USE = {
    "a1", "c1", "c3", "c4", "d2", "f1", "g2", "g3", "g3s", "h1", "i2", "i3", "m1", "m2", "m3",
    "m4", "p2", "p3", "r3", "r4", "t1", "t2", "x1", "x1e",
}  # fmt: skip
_ARM = re.compile(r"[a-z]+[0-9]+[a-z]*g[a-z]*\.")  # t4g, m7g, c7gn, im4gn: the image is amd64


@dataclass(frozen=True, kw_only=True)
class CloudSettings:
    """The settings of a stack on AWS."""

    account: str  # 12 digits: nothing is ever done in another account
    region: str
    domain: str  # under which clients reach the service
    hosted_zone: str  # of Route 53, in which the domain lies
    image: str  # name of Debian's AMI
    edge_size: str
    app_size: str
    db_size: str
    monitor_size: str
    simulator_size: str
    db_volume_gib: int
    monitor_volume_gib: int
    budget_usd: int  # a month
    alarm_email: str
    protect: bool  # whether data and hosts refuse to be removed
    nat_gateways: int

    @property
    def zones(self) -> dict[str, str]:
        """Return AWS's names of the three zones, by our letters."""
        real = ODD_ZONES.get(self.region, ZONES)
        return {letter: self.region + there for letter, there in zip(ZONES, real, strict=True)}

    def size(self, role: str) -> str:
        """Return the instance type of a kind of host."""
        found: str = getattr(self, f"{role}_size")
        return found

    def zone_of(self, number: int) -> str:
        """Return the zone of the number-th (from 1) host of a kind."""
        return ZONES[(number - 1) % len(ZONES)]


def _pattern(pattern: str, wanted: str) -> tuple[Callable[[str], str | None], str]:
    return (lambda value: value if re.fullmatch(pattern, value) else None), wanted


def _region(value: str) -> str | None:
    here = re.fullmatch(r"(af|ap|ca|eu|il|me|mx|sa|us)(-[a-z]+)+-[0-9]", value)
    return value if here and "-gov-" not in value and value not in NO_REGION else None


def _domain(value: str) -> str | None:
    return value if _NAME.fullmatch(value) else None


def _size(value: str) -> str | None:
    here = re.fullmatch(
        r"[a-z][a-z0-9-]*[0-9][a-z0-9-]*\.([0-9]*x?large|medium|small|micro)", value
    )
    odd = _ARM.match(value) or value.partition(".")[0] in _NO_USE
    return value if here and not odd else None


def _whole(least: int, most: int) -> Callable[[str], int | None]:
    def judged(value: str) -> int | None:
        number = int(value) if value.isdecimal() else -1
        return number if least <= number <= most else None

    return judged


_SIZE = (_size, "an instance type of Nitro for amd64 such as t3.small")
_GIB = (_whole(*VOLUME), f"{VOLUME[0]} to {VOLUME[1]} GiB")
KEYS: dict[str, tuple[Callable[[str], Any], str]] = {
    "account": _pattern(r"[0-9]{12}", "the 12 digits of the AWS account"),
    "region": (_region, "a region with three zones such as eu-central-1"),
    "domain": (_domain, "a DNS name such as dash.example.com"),
    "hosted_zone": (_domain, "the name of a Route 53 zone such as example.com"),
    "image": _pattern(
        r"debian-13-amd64-[0-9]{8}-[0-9]+",
        "the name of one of Debian 13's images such as debian-13-amd64-20260921-2607",
    ),
    "edge_size": _SIZE,
    "app_size": _SIZE,
    "db_size": _SIZE,
    "monitor_size": _SIZE,
    "simulator_size": _SIZE,
    "db_volume_gib": _GIB,
    "monitor_volume_gib": _GIB,
    "budget_usd": (_whole(1, MOST_USD), f"1 to {MOST_USD} dollars a month"),
    "alarm_email": _pattern(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an address such as ops@example.com"),
    "protect": ({"true": True, "false": False}.get, "true or false"),
    "nat_gateways": ({"1": 1, "3": 3}.get, "1, or 3 for one a zone"),
}


def choose(stack: str, value: Callable[[str], Any]) -> CloudSettings:
    """Return the settings of a stack on AWS.

    Args:
        stack: its name, for the message.
        value: looks a setting up; raises StackError where there is none.

    Raises:
        StackError: one is missing or cannot be; names it, its value and what is wanted.
    """
    found: dict[str, Any] = {}
    for name, (judge, wanted) in KEYS.items():
        said = value(name)
        text = str(said).lower() if isinstance(said, bool) else str(said)
        found[name] = judge(text)
        if found[name] is None:
            raise StackError(f"dash:{name} of stack {stack} is {said!r}: {wanted}")
    chosen = CloudSettings(**found)
    if f".{chosen.domain}".endswith(f".{chosen.hosted_zone}"):
        return chosen
    raise StackError(
        f"dash:domain of stack {stack} is {chosen.domain!r}: a name in dash:hosted_zone, "
        f"{chosen.hosted_zone!r}"
    )
