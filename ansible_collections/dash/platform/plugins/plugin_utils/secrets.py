"""Where a stack's secrets lie, for the controller: files of its state, or parameters of SSM.

Nothing here runs on hosts. What goes wrong is one line that names the secret, never what it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ansible_collections.dash.platform.plugins.module_utils import files
from ansible_collections.dash.platform.plugins.module_utils.errors import Fault, one_line
from ansible_collections.dash.platform.plugins.plugin_utils import aws

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
# Of every host, in the order in which `of_stack` takes what they say
VARIABLES = (
    "dash_provider", "dash_state_dir", "dash_secrets_path", "dash_region", "dash_secrets_key",
)  # fmt: skip


class Source(Protocol):
    """Where secrets lie."""

    def names(self) -> list[str]:
        """Return the names of all that are there. Raises Fault."""
        ...

    def read(self, name: str) -> str | None:
        """Return a secret to the byte, None when nobody put it there. Raises Fault."""
        ...

    def offer(self, name: str, value: str) -> str:
        """Keep a new secret unless there is one, and return the one that is there. Raises Fault."""
        ...

    def write(self, name: str, value: str) -> None:
        """Keep a secret, in place of what was there. Raises Fault."""
        ...


def checked(name: str) -> str:
    """Return a name that a file and a parameter can both have. Raises Fault."""
    if not NAME.fullmatch(name):
        raise Fault(f"{name!r} cannot be the name of a secret: a-z, 0-9, _, . and - are")
    return name


def of_stack(provider: str, directory: str, path: str, region: str, key: str) -> Source:
    """Return where a stack's secrets lie.

    Args:
        provider: podman or aws.
        directory: where the stack's state lies on the controller.
        path: what the names of its parameters begin with.
        region: of the stack, "" for the one that the environment names.
        key: the KMS key of its parameters, by alias; "" for the account's own.

    Raises:
        Fault: on aws nobody says what the names begin with.
    """
    if provider == "podman":
        return copies(directory)
    if not path.strip("/"):
        raise Fault("dash_secrets_path is not set: nobody knows where the stack's secrets lie")
    return Parameters(path, region, key)


def of_task(template: Callable[[Any], Any], variables: Mapping[str, Any] | None) -> Source:
    """Return where the secrets of a task's stack lie, by the variables of its host.

    Args:
        template: Ansible's, of the task.
        variables: what the task knows; without a provider it is a stack on podman.

    Raises:
        Fault: as `of_stack`.
    """
    known = {"dash_provider": "podman", **(variables or {})}
    return of_stack(*(str(template(known.get(name, ""))) for name in VARIABLES))


def copies(directory: str) -> Files:
    """Return the files of this machine, given where the stack's state lies."""
    return Files(Path(directory) / "secrets")


@dataclass(frozen=True)
class Files:
    """Files for the operator alone, one a secret."""

    directory: Path

    def names(self) -> list[str]:
        """Return the names of the files."""
        if not self.directory.is_dir():
            return []
        return sorted(
            p.name for p in self.directory.iterdir() if NAME.fullmatch(p.name) and p.is_file()
        )

    def read(self, name: str) -> str | None:
        """Return a file's text, None when there is no file."""
        try:
            return (self.directory / name).read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError:
            raise Fault(f"{self.directory / name} is no text in UTF-8") from None
        except OSError as error:
            raise Fault(one_line(error)) from None

    def offer(self, name: str, value: str) -> str:
        """Keep a new secret unless there is one. Not for two at once: the lookup's maker locks."""
        if (found := self.read(name)) is not None:
            return found
        self.write(name, value)
        return value

    def write(self, name: str, value: str) -> None:
        """Replace a file, whole, for its owner alone."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.atomic_write(self.directory / name, value)
        except OSError as error:
            raise Fault(one_line(error)) from None


@dataclass(frozen=True)
class Parameters:
    """SecureString parameters of SSM below one path.

    Args:
        path: what their names begin with, `/dash/staging/`.
        region: of the stack, "" for the one that the environment names.
        key: by which a new value is encrypted; "" for the account's own.
    """

    path: str
    region: str = ""
    key: str = ""

    def names(self) -> list[str]:
        """Return the names of the parameters directly below the path."""
        with aws.said(f"SSM does not give {self._path}"):
            pages = self._client().get_paginator("get_parameters_by_path")
            found = [
                parameter["Name"].removeprefix(self._path)
                for page in pages.paginate(Path=self._path.rstrip("/"), Recursive=False)
                for parameter in page["Parameters"]
            ]
        return sorted(found)

    def read(self, name: str) -> str | None:
        """Return a parameter's value, None when there is no such parameter."""
        client = self._client()
        with aws.said(f"SSM does not give {self._path}{name}"):
            try:
                found = client.get_parameter(Name=self._path + name, WithDecryption=True)
            except client.exceptions.ParameterNotFound:
                return None
        return str(found["Parameter"]["Value"])

    def offer(self, name: str, value: str) -> str:
        """Make a parameter unless there is one. Of two that make it at once, one value is kept."""
        client = self._client()
        with aws.said(f"SSM does not give {self._path}{name}"):
            try:
                self._put(client, name, value, Overwrite=False)
            except client.exceptions.ParameterAlreadyExists:
                found = self.read(name)
                return value if found is None else found
        return value

    def write(self, name: str, value: str) -> None:
        """Set a parameter."""
        client = self._client()
        with aws.said(f"SSM does not give {self._path}{name}"):
            self._put(client, name, value, Overwrite=True)

    @property
    def _path(self) -> str:
        return self.path.rstrip("/") + "/"

    def _put(self, client: Any, name: str, value: str, **more: Any) -> None:
        if self.key:
            more["KeyId"] = self.key
        # More than 4 KB, such as a provider's metadata, costs money and is taken all the same.
        client.put_parameter(
            Name=self._path + name, Value=value, Type="SecureString", Tier="Intelligent-Tiering",
            **more,
        )  # fmt: skip

    def _client(self) -> Any:
        """Return a client that asks again for some seconds where SSM wants less haste."""
        import boto3  # noqa: PLC0415 -- half a second, which a stack on podman does not spend
        from botocore.config import Config  # noqa: PLC0415 -- the same

        limits = Config(
            retries={"mode": "standard", "total_max_attempts": 8},
            connect_timeout=5,
            read_timeout=20,
        )
        with aws.said(f"SSM does not give {self._path}"):
            return boto3.client("ssm", region_name=self.region or None, config=limits)
