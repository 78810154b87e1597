"""A real OpenLDAP server on loopback, with a directory of its own."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import certificate
from tests.integration.service import free_port

BASE = "dc=example,dc=org"
SERVICE = f"cn=dash,{BASE}"
SERVICE_PASSWORD = "what the service says"  # pragma: allowlist secret
PASSWORD = "a wren in the winter hedge"  # pragma: allowlist secret
ADMINS = f"cn=Admins,ou=groups,{BASE}"
STAFF = f"cn=staff,ou=groups,{BASE}"
PROGRAM = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/lib/openldap:/usr/bin")
CONFIG = f"""
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile %(dir)s/pid
TLSCertificateFile %(cert)s
TLSCertificateKeyFile %(cert)s
security simple_bind=%(ssf)s
database mdb
suffix "{BASE}"
rootdn "cn=root,{BASE}"
directory %(dir)s/db
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{SERVICE}" read by * none
"""
PEOPLE = {"ann": (ADMINS, STAFF), "bob": (STAFF,), "cid": ()}


@dataclass
class Slapd:
    """The server. `ca` is the certificate by which it is known."""

    directory: Path
    port: int
    tls_port: int
    ca: str
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, tls: bool = True) -> None:
        """Start it and wait until it listens."""
        listen = f"ldap://127.0.0.1:{self.port}/"
        listen += f" ldaps://127.0.0.1:{self.tls_port}/" if tls else ""
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(PROGRAM), "-d", "stats", "-f", self.directory / "slapd.conf", "-h", listen],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 10
        while b"slapd starting" not in self.said()[-20_000:]:
            assert self.process.poll() is None, self.said().decode()[-500:]
            assert time.monotonic() < end, "slapd does not start"
            time.sleep(0.02)

    def said(self) -> bytes:
        """Return its log: each bind and search with its result."""
        return (self.directory / "log").read_bytes()

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None
        (self.directory / "log").write_bytes(b"")

    def load(self, ldif: str) -> None:
        """Add entries while it is stopped."""
        subprocess.run(
            ["slapadd", "-q", "-f", self.directory / "slapd.conf"],
            input=ldif.encode(),
            check=True,
            capture_output=True,
            env={"PATH": "/usr/sbin:/usr/bin"},
        )

    def change(self, ldif: str) -> None:
        """Change entries while it runs, as its root."""
        subprocess.run(
            [
                "ldapmodify", "-x", "-ZZ", "-H", f"ldap://127.0.0.1:{self.port}",
                "-D", f"cn=root,{BASE}", "-w", SERVICE_PASSWORD,
            ],
            input=ldif.encode(),
            check=True,
            capture_output=True,
            env={"PATH": "/usr/bin", "LDAPTLS_REQCERT": "never"},
        )  # fmt: skip

    def toml(self, **more: object) -> str:
        """Return the service's configuration for it; `more` wins."""
        said: dict[str, object] = {
            "host": "127.0.0.1",
            "port": self.tls_port,
            "bind_dn": SERVICE,
            "base": BASE,
            "seconds": 3,
        } | more
        lines = [f"{name} = {_toml(value)}" for name, value in said.items()]
        roles = f'[ldap.roles]\n"{ADMINS.lower()}" = "admin"\n"{STAFF}" = "operator"\n'
        return "\n".join(["[ldap]", *lines, roles])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def person(name: str, number: int) -> str:
    """Return a person's entry."""
    return (
        f"dn: uid={name},ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\n"
        f"sn: {name}\nmail: {name}@example.org\nuserPassword: {PASSWORD}\n"
        f"entryUUID: 00000000-0000-4000-8000-{number:012}\n\n"
    )


def _ldif() -> str:
    text = (
        f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: e\n\n"
        f"dn: {SERVICE}\nobjectClass: person\ncn: dash\nsn: dash\n"
        f"userPassword: {SERVICE_PASSWORD}\n\n"
    )
    for unit in ("people", "groups"):
        text += f"dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n"
    for number, (name, groups) in enumerate(PEOPLE.items(), 1):
        entry = person(name, number).rstrip("\n")
        text += "\n".join([entry, *(f"memberOf: {group}" for group in groups)]) + "\n\n"
    for group in (ADMINS, STAFF):
        members = "".join(
            f"member: uid={name},ou=people,{BASE}\n"
            for name, groups in PEOPLE.items()
            if group in groups
        )
        cn = group.partition(",")[0].removeprefix("cn=")
        text += f"dn: {group}\nobjectClass: groupOfNames\ncn: {cn}\n{members}\n"
    return text


@contextmanager
def slapd(directory: Path, *, least_strength: int = 1) -> Iterator[Slapd]:
    """Yield a server that refuses passwords in the clear, unless the least strength is 0."""
    assert PROGRAM, "slapd is missing: apt-get install --no-install-recommends slapd ldap-utils"
    home = directory / "slapd"
    (home / "db").mkdir(parents=True)
    cert = certificate(home / "cert.pem")
    said = {"dir": home, "cert": cert, "ssf": least_strength}
    root = f"rootpw {SERVICE_PASSWORD!r}\n".replace("'", '"')
    (home / "slapd.conf").write_text((CONFIG % said).replace("directory ", root + "directory ", 1))
    ca = cert.read_text().partition("-----BEGIN PRIVATE KEY")[0]
    server = Slapd(directory=home, port=free_port(), tls_port=free_port(), ca=ca)
    server.load(_ldif())
    server.start()
    try:
        yield server
    finally:
        server.stop()
