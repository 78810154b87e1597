"""Names, directories, addresses and ports of a stack: their one home.

Standard library only: Pulumi's program, the command line, the inventory and the tests share it.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 -- dataclasses look their fields' types up

STACKS = ("lab", "staging", "production")
NAMED_SLOTS = 60  # labs with a name of their own; slot 182 at most, subnet 10.89.232.0/24
FIRST_SUBNET = 50
PORT_STEP = 20
MORE_PORTS = 20000  # of the second monitor and those after it; PORTS has the first one's
MORE_STEP = 30  # nine monitors at most
MONITOR = ("grafana", "prometheus", "alertmanager")  # of the monitor, what people open
PORTS = {
    "http": 8080,
    "https": 8443,
    "preview": 8444,
    "grafana": 3000,
    "prometheus": 9090,
    "alertmanager": 9093,
}
ZONES = "abc"  # by index: zone b is the second of a region
FIRST_ADDRESS = {
    "edge": 11,
    "app-blue": 21,
    "app-green": 31,
    "db": 41,
    "monitor": 51,
    "simulator": 61,
}
_COMMAND = re.compile(r"(?<![\w/])\./dash (?=[a-z])")
_LAB_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?")


def watching(monitors: int) -> dict[str, tuple[str, int]]:
    """Return what people open of so many monitors by its name, as service and number.

    Those of the first are called as the service is: grafana; the others grafana-2, ….
    """
    return {
        service if number == 1 else f"{service}-{number}": (service, number)
        for number in range(1, monitors + 1)
        for service in MONITOR
    }


class StackError(ValueError):
    """A stack or lab that cannot be; `str()` is one line for the operator."""


def addressed(text: str, stack: str) -> str:
    """Return a text in which every `./dash` command names the stack that the text is about.

    What says "Next: ./dash rollback" does not know of which stack. Typed as it stands it would
    go to the lab, whose commands are the only ones that need no name.
    """
    return text if stack == "lab" else _COMMAND.sub(f"./dash --stack {stack} ", text)


@dataclass(frozen=True)
class Stack:
    """One stack of one checkout.

    Args:
        root: the checkout, absolute.
        name: lab, staging or production.
        lab: the name of the lab on this machine (DASH_LAB), "" for the unnamed one.
    """

    root: Path
    name: str = "lab"
    lab: str = ""

    def __post_init__(self) -> None:
        """Refuse names that cannot be container or directory names."""
        if self.name not in STACKS:
            msg = f"there is no stack {self.name!r}: choose {', '.join(STACKS)}"
            raise StackError(msg)
        if self.lab and not _LAB_NAME.fullmatch(self.lab):
            msg = (
                f"DASH_LAB={self.lab!r} cannot be a lab's name: up to 16 of a-z, 0-9 and -, "
                "neither first nor last a -"
            )
            raise StackError(msg)

    @classmethod
    def from_environment(cls, root: Path) -> Stack:
        """Return the stack that DASH_STACK and DASH_LAB name. Raises StackError."""
        return cls(
            root.absolute(), os.environ.get("DASH_STACK") or "lab", os.environ.get("DASH_LAB") or ""
        )

    @property
    def directory(self) -> Path:
        """Where everything of this stack lies on the operator's machine."""
        return self.root / ".dash" / (f"{self.lab}.{self.name}" if self.lab else self.name)

    @property
    def prefix(self) -> str:
        """What the stack's network is called, and its containers begin with."""
        return f"dash-{self.lab}-{self.name}" if self.lab else f"dash-{self.name}"

    @property
    def secrets_path(self) -> str:
        """What the names of the stack's secrets in AWS's Parameter Store begin with."""
        return f"/dash/{self.name}/"

    def key_alias(self, use: str) -> str:
        """Return the name of a KMS key of the stack."""
        return f"alias/{self.prefix}-{use}"

    @property
    def slot(self) -> int:
        """The stack's place among all on this machine: subnet and ports follow from it."""
        index = STACKS.index(self.name)
        if not self.lab:
            return index
        return 3 + 3 * (zlib.crc32(self.lab.encode()) % NAMED_SLOTS) + index

    @property
    def subnet(self) -> str:
        """The stack's network in CIDR form."""
        return f"10.89.{FIRST_SUBNET + self.slot}.0/24"

    def address(self, kind: str, number: int) -> str:
        """Return the address of the number-th (from 1) host of a kind such as "app-blue"."""
        return f"10.89.{FIRST_SUBNET + self.slot}.{FIRST_ADDRESS[kind] + number - 1}"

    def mac(self, kind: str, number: int) -> str:
        """Return a fixed, locally administered MAC address: peers keep their ARP entry."""
        return f"02:d5:59:{self.slot:02x}:00:{FIRST_ADDRESS[kind] + number - 1:02x}"

    def port(self, service: str, number: int = 1) -> int:
        """Return the port on 127.0.0.1 of http, https, preview, or of the number-th grafana, …."""
        if number == 1:
            return PORTS[service] + PORT_STEP * self.slot
        place = len(MONITOR) * (number - 2) + MONITOR.index(service)
        return MORE_PORTS + MORE_STEP * self.slot + place

    @property
    def checkout(self) -> str:
        """What tells this checkout's containers from another's."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
