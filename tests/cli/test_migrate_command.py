"""`migrate`: what it needs around it, on the databases that it knows."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.commands import Commands

KEY = "00112233445566778899aabbccddeeff" * 2
REDIS = "redis://127.0.0.1:1/0"


def _nowhere(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "below"


def test_migrate_with_a_database_and_a_broker_of_its_own_needs_no_data_folder(
    tmp_path: Path, postgres_url: str
) -> None:
    url = postgres_url.replace("+psycopg", "")
    commands = Commands.at(_nowhere(tmp_path), MASTER_KEYS=KEY, DATABASE_URL=url, BROKER_URL=REDIS)

    assert commands.json("migrate")["admin_client"] == "not_named"


@pytest.fixture
def url_of_another(postgres_url: str) -> Iterator[str]:
    """Give the URL of the database for a role that was granted nothing."""
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CREATE ROLE ungranted LOGIN")
        yield postgres_url.replace("vestibule@", "ungranted@").replace("+psycopg", "")
        connection.execute("DROP ROLE ungranted")


def test_role_without_privileges_is_told_what_it_lacks(tmp_path: Path, postgres_url: str, url_of_another: str) -> None:
    owner, other = (
        Commands.at(tmp_path, MASTER_KEYS=KEY, DATABASE_URL=url, BROKER_URL=REDIS)
        for url in (postgres_url.replace("+psycopg", ""), url_of_another)
    )

    migrated = other.run("migrate")
    owner.run("migrate")
    asked, examined = other.run("stats"), other.run("doctor")

    lacking = "VESTIBULE_DATABASE_URL: its role lacks a privilege: permission denied for"
    assert (migrated.exit_code, asked.exit_code, examined.exit_code) == (3, 3, 1)
    assert f"{lacking} schema public" in migrated.stderr
    assert f"{lacking} table" in asked.stderr
    assert f"failed database: {lacking} table alembic_version; grant it" in examined.stdout


def test_migrate_on_the_embedded_default_without_a_data_folder_says_so(tmp_path: Path) -> None:
    folder = _nowhere(tmp_path)

    result = Commands.at(folder, MASTER_KEYS=KEY, BROKER_URL=REDIS).run("migrate")

    assert result.exit_code == 3
    assert f"VESTIBULE_DATA_DIR: {folder} cannot be created" in result.stderr
