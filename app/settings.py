"""The service's settings: the only reader of the environment and of systemd credentials."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from psycopg.conninfo import make_conninfo
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from app import __version__

PREFIX = "DASH_APP_"
TOOLS = ("DASH_STACK", "DASH_LAB", "DASH_MIRROR")  # settings of the tools, no concern of ours
CONFIG_LETTERS = 12  # of the hash; the edge's figures.py cuts the ledger's to as many
CREDENTIALS = ("db_password", "key_pepper", "smtp_password")
MANIFEST = Path(__file__).resolve().parent.parent / "manifest.json"  # in a release's directory
LEAST_PEPPER = 16  # characters

LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
]


class SettingsError(ValueError):
    """A setting is unknown or cannot be; `str()` is one line."""


class Settings(BaseSettings):
    """What the service may be told. Seconds unless said."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(8001, ge=1, le=65535)
    tls_cert: Path | None = None
    tls_key: Path | None = None

    database_host: str = "127.0.0.1"
    database_port: int = Field(5432, ge=1, le=65535)
    database_name: str = "dash"
    database_user: str = "dash_app"
    database_sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    database_sslrootcert: Path | None = None
    database_timeout: float = Field(5.0, gt=0)
    pool_min: int = Field(1, ge=1)
    pool_max: int = Field(6, ge=1)
    migrate_lock_timeout: float = Field(4.0, gt=0)
    migrate_statement_timeout: float = Field(30.0, gt=0)

    color: str = Field("", pattern=r"^[a-z]*$")
    expose_version: bool = True  # the edge takes both headers off for strangers
    log_level: LogLevel = Field(
        "info", validation_alias=AliasChoices("DASH_APP_LOG_LEVEL", "LOG_LEVEL")
    )
    start_seconds: float = Field(120.0, gt=0)  # in which the database must answer at the start
    health_seconds: float = Field(2.0, gt=0)  # between two looks at the database
    drain_notice_seconds: float = Field(1.5, ge=0)  # for the edge to see that /readyz says 503
    drain_seconds: float = Field(30.0, ge=0)  # for what is under way to end
    keep_alive_seconds: float = Field(90.0, ge=75)  # longer than the edge's idle time
    max_body: int = Field(1_048_576, ge=1024)  # bytes
    key_cache_seconds: float = Field(300.0, ge=0)  # while the listener works
    key_cache_alone_seconds: float = Field(10.0, ge=0)  # while it does not
    key_cache_outage_seconds: float = Field(600.0, ge=0)  # while the database is gone
    key_used_seconds: float = Field(5.0, gt=0)  # between two notes of when keys were used
    hash_threads: int = Field(2, ge=1, le=16)
    hash_nice: int = Field(0, ge=0, le=19)  # of those threads; more leaves the cores to requests
    llm_catalog: str = ""  # TOML, or a file of it: providers, models, prices
    identity: str = ""  # TOML, or a file of it: other ways to sign in
    limit_share: int = Field(
        8, ge=0
    )  # a process serves 1 of so many parts of a key's requests a minute
    # while the database is gone; 0 serves none

    proxies: str = ""  # networks with a comma between, whose X-Forwarded-For is believed
    public_url: str = Field("", pattern=r"^(https?://[^\s/?#]+)?$")  # for links in mail
    sign_up: bool = False  # anybody may make a user for themselves
    session_idle_seconds: float = Field(28_800.0, gt=0)  # a session ends after so long unused
    session_seconds: float = Field(604_800.0, gt=0)  # and after so long in any case
    session_rate: int = Field(600, ge=1)  # requests a minute of a user's sessions, per process
    address_rate: int = Field(600, ge=1)  # and of an address that need no signing in
    lockout_account: int = Field(5, ge=1)  # wrong passwords of an account until one has to wait
    lockout_address: int = Field(50, ge=1)  # the same of an address
    lockout_seconds: float = Field(900.0, gt=0)  # the longest wait
    reset_seconds: float = Field(3600.0, gt=0)  # a link for a new password opens
    smtp_host: str = ""  # none: nothing is mailed
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_from: str = "dash@localhost"

    agent_sockets: int = Field(2000, ge=1)  # of a process
    agent_sockets_per_user: int = Field(250, ge=1)  # of a user and process
    agent_message_bytes: int = Field(65_536, ge=1024)
    agent_message_seconds: float = Field(86_400.0, gt=0)  # that a message waits for its receiver
    agent_inbox: int = Field(1000, ge=1)  # messages that wait for an agent
    agent_rate: int = Field(100, ge=1)  # messages a second of a socket, over ten seconds
    agent_heartbeat_seconds: float = Field(20.0, gt=0)  # also between two pings
    agent_idle_seconds: float = Field(60.0, gt=0)  # without a message; then a socket is closed
    agent_slow_seconds: float = Field(10.0, gt=0)  # that an agent may read nothing

    db_password: SecretStr = SecretStr("")
    key_pepper: SecretStr = SecretStr("")
    smtp_password: SecretStr = SecretStr("")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then credentials; no .env file."""
        credentials = InitSettingsSource(settings_cls, init_kwargs=_credentials())
        return init_settings, env_settings, credentials

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.pool_min > self.pool_max:
            raise ValueError(
                f"{PREFIX}POOL_MIN is {self.pool_min}, {PREFIX}POOL_MAX only {self.pool_max}: "
                "the minimum cannot be above the maximum"
            )
        if self.tls_key is not None and self.tls_cert is None:
            raise ValueError(f"{PREFIX}TLS_KEY is set without {PREFIX}TLS_CERT: set both")
        try:
            _ = self.proxy_networks
        except ValueError as error:
            raise ValueError(
                f"{PREFIX}PROXIES names no network: {error}; write 10.0.0.0/24"
            ) from None
        return self

    @cached_property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of the proxies."""
        return tuple(ip_network(each.strip()) for each in self.proxies.split(",") if each.strip())

    @cached_property
    def version(self) -> str:
        """The release's version: its manifest's, or the package's when run from a checkout."""
        try:
            return str(json.loads(MANIFEST.read_text(encoding="utf-8"))["version"])
        except FileNotFoundError:
            return __version__
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"{MANIFEST} does not say this release's version ({type(error).__name__}): "
                "unpack the artifact again"
            ) from None

    @cached_property
    def config(self) -> str:
        """The first of the SHA-256 of the file that systemd took the settings from, "" elsewhere.

        The unit hands over a copy made at the start: what the file says now need not be what runs.
        """
        file = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / "config"
        try:
            return hashlib.sha256(file.read_bytes()).hexdigest()[:CONFIG_LETTERS]
        except OSError:
            return ""

    def pepper(self) -> str:
        """Return the key of the verifiers.

        Raises:
            SettingsError: there is none, or one that is too short to be a secret.
        """
        pepper = self.key_pepper.get_secret_value()
        if len(pepper) < LEAST_PEPPER:
            what = "too short" if pepper else "missing"
            raise SettingsError(
                f"the credential key_pepper is {what}: put {LEAST_PEPPER} random characters or "
                "more into $CREDENTIALS_DIRECTORY/key_pepper"
            )
        return pepper

    def credential(self, name: str) -> str:
        """Return a credential that a file of the configuration names.

        Raises:
            SettingsError: it is not there, or empty.
        """
        found = self.optional_credential(name)
        if not found:
            raise SettingsError(
                f"the credential {name} is missing: put it into $CREDENTIALS_DIRECTORY/{name}"
            )
        return found

    def optional_credential(self, name: str) -> str:
        """Return a credential that may be missing; then it is empty. Raises SettingsError."""
        directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
        return (_credential(Path(directory) / name) or "") if directory else ""

    def conninfo(self) -> str:
        """Return libpq's connection string; it holds the password."""
        milliseconds = max(1, int(self.database_timeout * 1000))
        parameters: dict[str, Any] = {
            "host": self.database_host,
            "port": self.database_port,
            "dbname": self.database_name,
            "user": self.database_user,
            "sslmode": self.database_sslmode,
            "connect_timeout": max(2, int(self.database_timeout)),  # libpq's own least
            "application_name": f"dash {self.color or 'cli'} {self.version}",
            "options": f"-c statement_timeout={milliseconds}",
            # A peer that vanished without a word is noticed within 10 s, also by who only waits.
            "keepalives_idle": 4,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        }
        if self.db_password.get_secret_value():
            parameters["password"] = self.db_password.get_secret_value()
        if self.database_sslrootcert is not None:
            parameters["sslrootcert"] = str(self.database_sslrootcert)
        return make_conninfo("", **parameters)


def load() -> Settings:
    """Read settings from the environment and secrets from $CREDENTIALS_DIRECTORY.

    Raises:
        SettingsError: a name is unknown (it says the nearest one) or a value cannot be.
    """
    _refuse_unknown()
    try:
        settings = Settings()
    except ValidationError as error:
        raise SettingsError(_line(error)) from None
    _ = settings.version  # a release that does not know its version is not started
    return settings


def _line(error: ValidationError) -> str:
    """Return the first fault as one line: name, value and what it should be."""
    first = error.errors(include_url=False)[0]
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not first["loc"]:
        return said
    name = str(first["loc"][0])
    name = name if name.startswith(PREFIX) else f"{PREFIX}{name.upper()}"
    return f"{name} is {str(first['input'])!r}: {said}"


def _refuse_unknown() -> None:
    known = [PREFIX + name.upper() for name in Settings.model_fields if name not in CREDENTIALS]
    for name in sorted(os.environ):
        upper = name.upper()
        if not upper.startswith("DASH_") or upper in known or upper in TOOLS:
            continue
        if upper.removeprefix(PREFIX).lower() in CREDENTIALS:
            hint = f"secrets are files: $CREDENTIALS_DIRECTORY/{upper.removeprefix(PREFIX).lower()}"
        else:
            near = difflib.get_close_matches(upper, [*known, *TOOLS], n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/reference/settings.md has them all"
        raise SettingsError(f"unknown setting {name}: {hint}")


def _credentials() -> dict[str, str]:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    found = {}
    for name in CREDENTIALS if directory else ():
        if (value := _credential(Path(directory or "") / name)) is not None:
            found[name] = value
    return found


def _credential(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"the credential {file} cannot be read: {reason}") from None
