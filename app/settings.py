"""The service's settings: the only reader of the environment and of systemd credentials."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from psycopg.conninfo import make_conninfo
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app import __version__

PREFIX = "DASH_APP_"
TOOLS = ("DASH_STACK", "DASH_LAB", "DASH_MIRROR")  # settings of the tools, no concern of ours
CREDENTIALS = ("db_password", "key_pepper")


class SettingsError(ValueError):
    """A setting is unknown or cannot be; `str()` is one line."""


class Settings(BaseSettings):
    """What the service may be told. Seconds unless said."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(8001, ge=1, le=65535)
    tls_cert: Path | None = None
    tls_key: Path | None = None

    database_host: str = "127.0.0.1"
    database_port: int = 5432
    database_name: str = "dash"
    database_user: str = "dash_app"
    database_sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    database_sslrootcert: Path | None = None
    database_timeout: float = Field(5.0, gt=0)
    pool_min: int = Field(1, ge=1)
    pool_max: int = Field(6, ge=1)

    color: str = ""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_seconds: float = Field(30.0, ge=0)
    keep_alive_seconds: float = Field(90.0, gt=0)  # longer than the edge's idle time
    max_body: int = Field(1_048_576, ge=1024)  # bytes
    key_cache_seconds: float = Field(300.0, ge=0)  # while the listener works
    key_cache_alone_seconds: float = Field(10.0, ge=0)  # while it does not
    key_cache_outage_seconds: float = Field(600.0, ge=0)  # while the database is gone
    hash_threads: int = Field(2, ge=1, le=16)

    db_password: SecretStr = SecretStr("")
    key_pepper: SecretStr = SecretStr("")

    @property
    def version(self) -> str:
        """The release's version: its manifest's, or the package's when run from a checkout."""
        manifest = Path(__file__).resolve().parent.parent / "manifest.json"
        try:
            return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError):
            return __version__

    def conninfo(self) -> str:
        """Return libpq's connection string; it holds the password."""
        parameters: dict[str, str | int] = {
            "host": self.database_host,
            "port": self.database_port,
            "dbname": self.database_name,
            "user": self.database_user,
            "password": self.db_password.get_secret_value(),
            "sslmode": self.database_sslmode,
            "connect_timeout": int(self.database_timeout),
            "application_name": f"dash {self.color or 'cli'} {self.version}",
        }
        if self.database_sslrootcert is not None:
            parameters["sslrootcert"] = str(self.database_sslrootcert)
        return make_conninfo(**parameters)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read settings from the environment and secrets from $CREDENTIALS_DIRECTORY.

    Raises:
        SettingsError: a name is unknown (it says the nearest one) or a value cannot be.
    """
    environ = os.environ if environ is None else environ
    _refuse_unknown(environ)
    values: dict[str, str] = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX)
    }
    if "LOG_LEVEL" in environ:
        values.setdefault("log_level", environ["LOG_LEVEL"].lower())
    values.update(_credentials(environ))
    try:
        return Settings(**values)  # type: ignore[arg-type]  # pydantic parses the strings
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(x) for x in first["loc"])
        msg = f"{PREFIX}{name.upper()}: {first['msg']}"
        raise SettingsError(msg) from None


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = [PREFIX + name.upper() for name in Settings.model_fields if name not in CREDENTIALS]
    for name in sorted(environ):
        if not name.startswith("DASH_") or name in known or name in TOOLS:
            continue
        near = difflib.get_close_matches(name, [*known, *TOOLS], n=1)
        hint = f"did you mean {near[0]}?" if near else f"settings begin with {PREFIX}"
        msg = f"unknown setting {name}: {hint}"
        raise SettingsError(msg)


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return {}
    found = {}
    for name in CREDENTIALS:
        file = Path(directory) / name
        if file.is_file():
            found[name] = file.read_text(encoding="utf-8").strip()
    return found
