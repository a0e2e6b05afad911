"""`migrate`: what it needs around it, on the databases that it knows."""

from pathlib import Path

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


def test_migrate_on_the_embedded_default_without_a_data_folder_says_so(tmp_path: Path) -> None:
    folder = _nowhere(tmp_path)

    result = Commands.at(folder, MASTER_KEYS=KEY, BROKER_URL=REDIS).run("migrate")

    assert result.exit_code == 3
    assert f"VESTIBULE_DATA_DIR: {folder} cannot be created" in result.stderr
