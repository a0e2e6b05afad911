"""`vestibule doctor`: is everything there that the service needs? One line each, and a cure for what is not.

Only looks; the one thing that it writes is a file in the data folder, which it deletes again.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import click
from celery import Celery
from kombu.exceptions import KombuError

from app.adapters.broker import broker_configuration
from app.adapters.database.engine import Database
from app.adapters.database.faults import missing_privileges_told
from app.adapters.database.revision import current_revision, is_current, newest_revision
from app.adapters.database.server_log import kept_log_bytes
from app.adapters.private_file import make_data_folder
from app.cli.exits import Exit
from app.cli.output import examples, json_option, show_json, wants_json
from app.cli.partner_checkup import examine
from app.cli.wiring import Wiring, wire
from app.domain.master_keys import CURE_OF_MISSING, OPEN_NOTHING
from app.errors import ConfigurationError, SealBroken, StoreUnavailable
from app.settings import PREFIX, Settings, load_settings
from app.steps.secrets import TryMasterKeys

_BROKER_SECONDS = 2
_TRIED_BYTES = 65_536
_LAUNCH_LOG_BYTES = 1 << 30
"""What 400,000 participants write."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look brought; `cure` is what to do, also where nothing is wrong but may get slow; empty for nothing."""

    name: str
    ok: bool
    detail: str
    cure: str = ""


@click.command(
    epilog=examples(
        "vestibule doctor",
        "vestibule doctor --partner acme",
        "vestibule doctor --partner acme --sub test-person-1 --json",
    )
)
@click.option("--partner", "partner_id", metavar="ID", help="Examine this partner instead: keys, API, go-live list.")
@click.option("--sub", metavar="SUB", help="Ask its API for this participant; without one it is not asked.")
@json_option
@click.pass_context
def doctor(context: click.Context, partner_id: str | None, sub: str | None) -> None:
    """Check the settings and everything that the service needs, or one partner before it goes live."""
    if partner_id is not None:
        context.exit(examine(partner_id, sub))
    if sub is not None:
        raise click.UsageError("--sub is a participant of a --partner.")
    try:
        settings = load_settings()
    except ConfigurationError as error:
        findings = [_bad("settings", problem, "see docs/settings.md") for problem in error.problems]
        _show({}, findings)
        context.exit(Exit.CONFIGURATION)
    findings = list(_examine(settings))
    _show(_shown(settings), findings)
    context.exit(Exit.OK if all(finding.ok for finding in findings) else Exit.FAILED)


def _examine(settings: Settings) -> Iterator[Finding]:
    yield _good("settings", "every setting is known and has a value that makes sense")
    yield _data_folder(settings)
    try:
        wiring = wire(settings)
    except ConfigurationError as error:
        yield _bad("master keys", str(error), f"set {PREFIX}MASTER_KEYS, or make the data folder readable")
        return
    database = _database(wiring)
    yield database
    if database.ok:
        yield _master_keys(wiring)
        yield from _database_log(wiring.database)
    wiring.database.dispose()
    yield _broker(settings)


def _good(name: str, detail: str) -> Finding:
    return Finding(name, ok=True, detail=detail)


def _bad(name: str, detail: str, cure: str) -> Finding:
    return Finding(name, ok=False, detail=detail, cure=cure)


def _data_folder(settings: Settings) -> Finding:
    folder = settings.data_dir
    if not settings.needs_data_dir:
        return _good("data folder", "nothing is kept in it")
    try:
        make_data_folder(folder)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_TRIED_BYTES))  # a full disk still takes an empty file
            file.flush()
            return _good("data folder", f"{folder} can be written")
    except (ConfigurationError, OSError):
        return _bad("data folder", f"{folder} cannot be written", f"make room, or set {PREFIX}DATA_DIR to one that can")


def _database(wiring: Wiring) -> Finding:
    try:
        with missing_privileges_told():
            revision = current_revision(wiring.database)
    except ConfigurationError as error:
        return _bad("database", str(error), "grant it, or let that role own the database and all in it")
    except StoreUnavailable:
        cure = f"start it, and check {PREFIX}DATABASE_URL"
        return _bad("database", "it cannot be reached, does not answer in time, or only reads", cure)
    if not is_current(wiring.database):
        detail = f"it is at revision {revision or 'none'}, this version needs {newest_revision()}"
        return _bad("database", detail, "run `vestibule migrate`")
    return _good("database", f"it can be reached and is at revision {revision}")


def _database_log(database: Database) -> Iterator[Finding]:
    kept = kept_log_bytes(database)
    if kept is None:
        return
    detail = f"PostgreSQL keeps files for {kept >> 20:,} MB of its log"
    cure = (
        "at a launch commits wait while it makes more: set `min_wal_size` to 1GB or more"
        if kept < _LAUNCH_LOG_BYTES
        else ""
    )
    yield Finding("database log", ok=True, detail=detail, cure=cure)


def _master_keys(wiring: Wiring) -> Finding:
    try:
        count = TryMasterKeys(wiring.secrets)()
    except SealBroken:
        return _bad("master keys", OPEN_NOTHING, CURE_OF_MISSING)
    if not count:
        return _bad("master keys", "there is nothing that they could open", "run `vestibule migrate`")
    return _good("master keys", f"they open the {count} secrets of this installation")


def _broker(settings: Settings) -> Finding:
    application = Celery("doctor", set_as_current=False, fixups=[])
    application.conf.update(broker_configuration(settings.broker_url, settings.data_dir))
    try:
        with application.connection_for_write(connect_timeout=_BROKER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_BROKER_SECONDS)
    except (KombuError, OSError):
        cure = f"start it, and check {PREFIX}BROKER_URL; nothing is lost meanwhile, workers look for work by themselves"
        return _bad("broker", "it cannot be reached", cure)
    return _good("broker", "it can be reached")


def _shown(settings: Settings) -> Mapping[str, Any]:
    values = settings.model_dump(mode="json")  # secrets show themselves as asterisks
    urls = {name: "set" if values[name] else "" for name in ("database_url", "broker_url")}  # they may hold passwords
    return {f"{PREFIX}{name.upper()}": value for name, value in {**values, **urls}.items()}


def _as_set(value: Any) -> str:
    """Return how a setting is spelled in the environment."""
    match value:
        case None:
            return ""
        case list():
            return ",".join(value)
        case _:
            return str(value)


def _show(settings: Mapping[str, Any], findings: list[Finding]) -> None:
    if wants_json():
        show_json({"settings": dict(settings), "checks": [asdict(finding) for finding in findings]})
        return
    for name, value in settings.items():
        click.echo(f"{name} = {_as_set(value)}")
    for finding in findings:
        word = click.style("ok    ", fg="green") if finding.ok else click.style("failed", fg="red")
        click.echo(f"{word} {finding.name}: {finding.detail}" + (f"; {finding.cure}" if finding.cure else ""))
