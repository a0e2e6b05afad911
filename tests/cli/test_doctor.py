"""`doctor`: each thing that can be missing is found, with a cure, and nothing secret is shown."""

import io
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.cli.commands import Commands
from tests.documents.examples import secretive_body
from tests.journey.deadline import eventually

KEY, OTHER_KEY = "00112233445566778899aabbccddeeff" * 2, "ffeeddccbbaa99887766554433221100" * 2


def checks(commands: Commands) -> dict[str, str]:
    """Return what is wrong: cures by the name of the check, empty where all is well."""
    result = commands.run("doctor", "--json")
    return {check["name"]: check["cure"] for check in json.loads(result.stdout)["checks"]}


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands.at(tmp_path, MASTER_KEYS=KEY)


def test_doctor_of_a_sound_installation_finds_nothing(commands: Commands) -> None:
    commands.run("migrate")

    result = commands.run("doctor")

    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.stdout.splitlines() if line.startswith(("ok", "failed"))] == [
        "ok     settings",
        "ok     data folder",
        "ok     database",
        "ok     master keys",
        "ok     broker",
    ]
    assert KEY not in result.output


def test_doctor_shows_settings_as_the_environment_spells_them(tmp_path: Path) -> None:
    given = {"TRUSTED_PROXY_CIDRS": "10.0.0.0/8, fd00::/8", "KEYSET_BACKOFF_BASE_SECONDS": "2.5"}

    shown = Commands.at(tmp_path, MASTER_KEYS=KEY, **given).run("doctor").stdout.splitlines()

    assert {
        "VESTIBULE_CA_FILE = ",
        "VESTIBULE_PRIVATE_URL_CIDRS = ",
        "VESTIBULE_TRUSTED_PROXY_CIDRS = 10.0.0.0/8,fd00::/8",
        "VESTIBULE_KEYSET_BACKOFF_BASE_SECONDS = 2.5",
    } <= {*shown}


def test_command_with_another_master_key_says_what_doctor_says(commands: Commands, tmp_path: Path) -> None:
    commands.run("migrate")
    commands.run("partner", "put", "acme", "-", input_=secretive_body())

    ended = Commands.at(tmp_path, MASTER_KEYS=OTHER_KEY).run("partner", "get", "acme")

    assert ended.exit_code == 1
    assert "add the key that sealed it to VESTIBULE_MASTER_KEYS" in ended.stderr


def test_doctor_before_the_migration_says_so(commands: Commands) -> None:
    result = commands.run("doctor")

    assert result.exit_code == 1
    assert checks(commands)["database"] == "run `vestibule migrate`"


def test_doctor_of_a_folder_on_a_full_disk_says_so(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    commands.run("migrate")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: io.FileIO("/dev/full", "w"))

    found = checks(commands)

    assert found["data folder"].startswith("make room")


def test_doctor_with_another_master_key_says_so(commands: Commands, tmp_path: Path) -> None:
    commands.run("migrate")

    found = checks(Commands.at(tmp_path, MASTER_KEYS=OTHER_KEY))

    assert found["master keys"] == "add the key that sealed it to VESTIBULE_MASTER_KEYS"


def test_web_process_with_another_master_key_does_not_start_and_says_what_doctor_says(
    commands: Commands, tmp_path: Path
) -> None:
    commands.run("migrate")
    other = Commands.at(tmp_path, MASTER_KEYS=OTHER_KEY, PORT="0", ADMIN_PORT="0").environment

    ended = subprocess.run(
        [sys.executable, "-m", "app", "web"],
        env={**os.environ, **other},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert ended.returncode == 3
    assert "master keys: they do not open what is sealed in the database; add the key that sealed it to" in ended.stderr
    assert "site.opened" not in ended.stderr


@pytest.mark.parametrize(
    "url", [pytest.param("redis://127.0.0.1:1/0", id="redis"), pytest.param("amqp://127.0.0.1:1//", id="rabbitmq")]
)
def test_doctor_without_the_broker_says_so(tmp_path: Path, url: str) -> None:
    commands = Commands.at(tmp_path, MASTER_KEYS=KEY, BROKER_URL=url)
    commands.run("migrate")

    found = checks(commands)

    assert {name for name, cure in found.items() if cure} == {"broker"}


def test_doctor_without_the_database_says_so(tmp_path: Path) -> None:
    commands = Commands.at(tmp_path, MASTER_KEYS=KEY, DATABASE_URL="postgresql://user:canary@127.0.0.1:1/none")

    result = commands.run("doctor")

    assert result.exit_code == 1
    assert "failed database: it cannot be reached" in result.stdout
    assert "canary" not in result.output


def _shows(server: "psycopg.Connection[tuple[object, ...]]", kept: str) -> bool | None:
    return server.execute("SHOW min_wal_size").fetchone() == (kept,) or None


def test_doctor_tells_when_postgres_would_make_files_of_its_log_at_a_launch(tmp_path: Path, postgres_url: str) -> None:
    commands = Commands.at(tmp_path, MASTER_KEYS=KEY, DATABASE_URL=postgres_url)
    commands.run("migrate")
    told = []
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as server:
        try:
            for kept in ("80MB", "1GB"):
                server.execute(f"ALTER SYSTEM SET min_wal_size = '{kept}'")
                server.execute("SELECT pg_reload_conf()")
                eventually(partial(_shows, server, kept), 5, f"{kept} to be set")
                result = commands.run("doctor")
                told.append((result.exit_code, [line for line in result.stdout.splitlines() if "database log" in line]))
        finally:
            server.execute("ALTER SYSTEM RESET min_wal_size")
            server.execute("SELECT pg_reload_conf()")

    advice = "; at a launch commits wait while it makes more: set `min_wal_size` to 1GB or more"
    assert told == [
        (0, ["ok     database log: PostgreSQL keeps files for 80 MB of its log" + advice]),
        (0, ["ok     database log: PostgreSQL keeps files for 1,024 MB of its log"]),
    ]


def test_doctor_with_wrong_settings_lists_each(tmp_path: Path) -> None:
    result = Commands.at(tmp_path, NO_SUCH="1", PORT="x").run("doctor")

    assert result.exit_code == 3
    names = [line.split(":")[1].strip() for line in result.stdout.splitlines()]
    assert names == ["VESTIBULE_NO_SUCH", "VESTIBULE_PORT"]


def test_doctor_with_a_database_and_a_broker_of_its_own_asks_for_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    urls = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "BROKER_URL": "redis://127.0.0.1:1/0"}

    found = checks(Commands.at(tmp_path / "file" / "below", MASTER_KEYS=KEY, **urls))

    assert {name for name, cure in found.items() if cure} == {"database", "broker"}


def test_doctor_without_a_data_folder_to_write_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    found = checks(Commands.at(tmp_path / "file", MASTER_KEYS=KEY))

    assert found["data folder"] == "make room, or set VESTIBULE_DATA_DIR to one that can"
