"""Settings: typed, frozen, from the environment alone; every mistake is reported at once.

Only the composition roots and the command line read them. `docs/settings.md` lists each, and a test keeps it true.
"""

import os
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from app.domain.keyset import KeysetPolicy
from app.domain.master_keys import parse_master_keys
from app.domain.outside import host_in_url
from app.domain.retention import Retention
from app.domain.scopes import MIN_SECRET_CHARACTERS
from app.errors import ConfigurationError

PREFIX = "VESTIBULE_"
_KNOWN_TO_OTHERS = frozenset({"VESTIBULE_VECTORS"})
"""Names with our prefix that are no settings of the service: the folder of the tests' vectors."""
_REASONS: Mapping[str, str] = {
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number, and no such large one",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be one of {expected}",
    "string_too_short": "must not be empty",
}
_DATABASE_URL = re.compile(
    r"sqlite:///(?!:memory:)[^?]"  # a database in memory would be each process's own
    r"|postgresql\+psycopg://([^:/]*(:[^@]*)?@)?(\[[^]/?]+\]|[^:/?\[]*)(:\d+)?([/?]|$)"  # split as SQLAlchemy splits it
)
_ENCODED = "special characters of a password percent-encoded"

Port = Annotated[int, Field(ge=0, le=65535)]
PositiveInt = Annotated[int, Field(ge=1)]
Days = Annotated[float, Field(ge=0, le=36500)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Host = Annotated[str, Field(min_length=1)]  # an empty one would be every address of this machine


class Settings(BaseModel):
    """Everything that may differ between installations; the defaults are the embedded service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data folder")
    broker_url: str = Field("", description="Redis or RabbitMQ URL; empty: files in the data folder")
    data_dir: Path = Field(Path(".vestibule"), description="data folder of the embedded default")
    host: Host = Field("127.0.0.1", description="address that the public port listens on")
    port: Port = Field(8080, description="public port; a bare PORT counts too")
    admin_host: Host = Field("127.0.0.1", description="address of health and metrics")
    admin_port: Port = Field(8081, description="port of health and metrics")
    public_url: str = Field("", description="how browsers reach the service; empty: http://HOST:PORT")
    master_keys: SecretStr = Field(
        SecretStr(""), description="32-byte keys, base64url or hex, comma-separated: the first writes, all read"
    )
    admin_client_id: str = Field("", description="first management client, created at migration")
    admin_client_secret: SecretStr = Field(SecretStr(""), description="its secret, at least 16 characters")
    private_url_cidrs: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="networks that outside calls may reach although they are private, comma-separated"
    )
    trusted_proxy_cidrs: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="networks of proxies whose X-Forwarded-For says who calls, comma-separated; empty: nobody's"
    )
    ca_file: Path | None = Field(None, description="more certificate authorities for outside calls, PEM")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    log_format: Literal["json", "console"] = Field("json", description="how log lines look")

    group_commit_rows: PositiveInt = Field(256, description="sessions that one commit of the ingress takes")
    group_commit_wait_ms: Annotated[float, Field(ge=0, le=1000)] = Field(5, description="how long a commit gathers")
    ingress_queue: PositiveInt = Field(2048, description="requests that may wait for their commit, then 429")
    sessions_per_minute_per_address: Annotated[int, Field(ge=0)] = Field(0, description="POST sessions; 0: no limit")
    sessions_per_minute_per_campaign: Annotated[int, Field(ge=0)] = Field(0, description="POST sessions; 0: no limit")
    store_timeout_seconds: Seconds = Field(3, description="how long the ingress waits for the database, then 503")
    web_grace_seconds: Seconds = Field(15, description="how long a stopping web process finishes what it holds")

    claim_rows: PositiveInt = Field(256, description="sessions that one claim takes")
    lease_seconds: Seconds = Field(30, description="how long a claim holds without a heartbeat")
    sweep_seconds: Seconds = Field(
        1.5, description="how often a worker looks for due work by itself, jittered by a third"
    )
    drain_seconds: Seconds = Field(20, description="how long a stopping worker finishes what it holds")
    fetch_concurrency: PositiveInt = Field(
        1200, description="prefill calls of one partner in flight in one fetch process; of all together a third more"
    )
    verify_processes: Annotated[int, Field(ge=0)] = Field(
        0, description="processes of a verify worker; 0: one per core"
    )

    keyset_default_ttl_seconds: Seconds = Field(3600, description="ttl of a key set that names none")
    keyset_min_ttl_seconds: Seconds = Field(300, description="least ttl, also for no-store")
    keyset_max_ttl_seconds: Seconds = Field(86400, description="longest ttl")
    keyset_max_stale_seconds: Annotated[float, Field(ge=0)] = Field(
        86400, description="served after the last good fetch"
    )
    keyset_kid_cooldown_seconds: Seconds = Field(30, description="one refresh for unknown kids per source in this time")
    keyset_kid_budget: PositiveInt = Field(10, description="refreshes for unknown kids per source in 10 minutes")
    keyset_negative_kid_seconds: Seconds = Field(60, description="how long a kid counts as missing")
    keyset_backoff_base_seconds: Seconds = Field(5, description="first delay after a failed fetch, full jitter")
    keyset_backoff_cap_seconds: Seconds = Field(300, description="longest delay after failed fetches")
    keyset_park_kid_seconds: Seconds = Field(
        90, description="how long a session waits for an unknown kid; below 75 a flood of invented ones may outlast it"
    )
    keyset_park_outage_seconds: Seconds = Field(900, description="how long a session waits for a source that is down")

    session_days: Days = Field(0, description="how long sessions are kept after their end")
    dead_letter_days: Days = Field(7, description="how long dead letters are kept after their session's end")
    attempt_days: Days = Field(90, description="how long outside calls are recorded, at most as long as their session")
    audit_days: Days = Field(400, description="how long the record of changes is kept; 0: for ever")
    participation_days: Days = Field(0, description="how long participations count; 0: for ever")
    # Their ids travel as parameters, of which PostgreSQL takes 65,535.
    purge_chunk: Annotated[int, Field(ge=1, le=10_000)] = Field(
        1000, description="rows that one purge transaction deletes, at most 10,000"
    )

    @field_validator("database_url")
    @classmethod
    def _psycopg(cls, value: str) -> str:
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", value)

    @field_validator("private_url_cidrs", "trusted_proxy_cidrs", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(text.strip()) for text in value.split(",") if text.strip())
        except ValueError:
            raise ValueError("must be networks such as 10.0.0.0/8, comma-separated") from None

    @property
    def is_embedded_database(self) -> bool:
        """Tell whether the database is SQLite in the data folder."""
        return not self.database_url or self.database_url.startswith("sqlite")

    @property
    def sqlalchemy_url(self) -> str:
        """Where the database is: as given, else a file in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'vestibule.sqlite3'}"

    @property
    def is_behind_tls(self) -> bool:
        """Tell whether browsers reach this installation by TLS, whoever speaks it for us."""
        return self.base_url.startswith("https:")

    @property
    def needs_data_dir(self) -> bool:
        """Tell whether anything is kept in the data folder: the database, the hints, or a key made on first use."""
        is_keyless = self.is_embedded_database and not self.master_keys.get_secret_value()
        return not self.database_url or self.broker_url.partition("://")[0] in ("", "filesystem") or is_keyless

    @property
    def base_url(self) -> str:
        """How browsers reach the service, without a slash at the end."""
        return (self.public_url or f"http://{host_in_url(self.host)}:{self.port}").rstrip("/")

    def retention(self) -> Retention:
        """Return how long what is no longer needed is kept."""
        return Retention(
            sessions=timedelta(days=self.session_days),
            dead_letters=timedelta(days=self.dead_letter_days),
            attempts=timedelta(days=self.attempt_days),
            audit=timedelta(days=self.audit_days) or None,
            participations=timedelta(days=self.participation_days) or None,
        )

    def keyset_policy(self) -> KeysetPolicy:
        """Return the numbers of a key set's life."""
        return KeysetPolicy(
            default_ttl=timedelta(seconds=self.keyset_default_ttl_seconds),
            min_ttl=timedelta(seconds=self.keyset_min_ttl_seconds),
            max_ttl=timedelta(seconds=self.keyset_max_ttl_seconds),
            max_stale=timedelta(seconds=self.keyset_max_stale_seconds),
            kid_cooldown=timedelta(seconds=self.keyset_kid_cooldown_seconds),
            kid_budget=self.keyset_kid_budget,
            negative_kid_ttl=timedelta(seconds=self.keyset_negative_kid_seconds),
            backoff_base=timedelta(seconds=self.keyset_backoff_base_seconds),
            backoff_cap=timedelta(seconds=self.keyset_backoff_cap_seconds),
            park_unknown_kid=timedelta(seconds=self.keyset_park_kid_seconds),
            park_outage=timedelta(seconds=self.keyset_park_outage_seconds),
        )


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of `environ`, by default the process's own; raise ConfigurationError with all mistakes."""
    values, problems = _known_values(os.environ if environ is None else environ)
    settings, refused = _typed(values)
    problems += [*refused, *_malformed_master_keys(settings), *_contradictions(settings)]
    if problems:
        raise ConfigurationError(tuple(problems))
    return settings


def _typed(values: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return the settings and the mistakes of single values; these settings are left at their defaults."""
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        refused = {str(one["loc"][0]): _reason(one["type"], one.get("ctx", {})) for one in error.errors()}
    settings = Settings.model_validate({name: text for name, text in values.items() if name not in refused})
    return settings, [f"{PREFIX}{name.upper()}: {reason}" for name, reason in refused.items()]


def _reason(kind: str, context: Mapping[str, object]) -> str:
    """Return what a value must be, where pydantic says `kind`; quotes nothing of it."""
    if kind == "value_error":
        return str(context["error"])
    return _REASONS.get(kind, "is not what this setting may hold").format_map(context)


def _known_values(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    if "PORT" in environ:
        values["port"] = environ["PORT"]
    for name, text in sorted(environ.items()):
        if not name.upper().startswith(PREFIX) or name in _KNOWN_TO_OTHERS:
            continue
        field = name[len(PREFIX) :].lower()
        if name == PREFIX + field.upper() and field in Settings.model_fields:
            values[field] = text
        else:
            problems.append(f"{name}: no setting has this name")
    return values, problems


def _is_site(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return has_host and bool(re.fullmatch(r"https?://[^\s?#]+", url))


def _is_broker(url: str) -> bool:
    """Tell whether Celery can read it; several brokers stand between semicolons."""
    return all(map(_is_one_broker, url.split(";")))


def _is_one_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return False
    numbered = parts.scheme not in ("redis", "rediss") or re.fullmatch(r"/*\d*", parts.path)
    return has_port and bool(numbered and re.match(r"(rediss?|amqps?|filesystem)://", url))


def _malformed_master_keys(settings: Settings) -> Sequence[str]:
    text = settings.master_keys.get_secret_value()
    try:
        if text:
            parse_master_keys(text, f"{PREFIX}MASTER_KEYS")
    except ConfigurationError as error:
        return error.problems
    return ()


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    if settings.database_url and not _DATABASE_URL.match(settings.database_url):
        shapes = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME"
        problems.append(f"{PREFIX}DATABASE_URL: must be {shapes}, {_ENCODED}")
    if settings.broker_url and not _is_broker(settings.broker_url):
        shapes = "redis://:PASSWORD@HOST:PORT/NUMBER, rediss://, amqp:// or amqps://USER:PASSWORD@HOST:PORT/VHOST"
        problems.append(f"{PREFIX}BROKER_URL: must be {shapes}, {_ENCODED}")
    if settings.public_url and not _is_site(settings.public_url):
        problems.append(f"{PREFIX}PUBLIC_URL: must be a web address such as https://forms.example, without a query")
    if not settings.is_embedded_database and not settings.master_keys.get_secret_value():
        problems.append(f"{PREFIX}MASTER_KEYS: required with a database of your own")
    if bool(settings.admin_client_id) != bool(settings.admin_client_secret.get_secret_value()):
        problems.append(f"{PREFIX}ADMIN_CLIENT_ID and {PREFIX}ADMIN_CLIENT_SECRET: give both or none")
    secret = settings.admin_client_secret.get_secret_value()
    if 0 < len(secret) < MIN_SECRET_CHARACTERS:
        problems.append(f"{PREFIX}ADMIN_CLIENT_SECRET: must have at least {MIN_SECRET_CHARACTERS} characters")
    if settings.ca_file is not None and not _holds_certificates(settings.ca_file):
        problems.append(f"{PREFIX}CA_FILE: {settings.ca_file} cannot be read as PEM certificates")
    return problems


def _holds_certificates(path: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # which an error of TLS is too
        return False
    return True
