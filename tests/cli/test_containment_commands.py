"""Commands that stop and start a partner, and show how the delivery is."""

import os
from pathlib import Path

import pytest

from app.adapters.database.clock import DatabaseClock
from app.adapters.database.engine import open_database
from app.steps.accept import session_ids
from tests.adapters.stores import sql_stores
from tests.builders import new_session
from tests.cli.commands import Commands
from tests.documents.examples import partner_body


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    migrated = Commands.at(tmp_path)
    assert migrated.run("migrate").exit_code == 0
    assert migrated.run("partner", "put", "acme", "-", input_=partner_body()).exit_code == 0
    return migrated


def test_partner_pause_and_resume_are_shown_by_stats(commands: Commands) -> None:
    paused = commands.json("partner", "pause", "acme")
    meanwhile = commands.run("stats")
    resumed = commands.json("partner", "resume", "acme")

    assert (paused["paused"], paused["paused_by"], resumed["paused"]) == (True, "command-line", False)
    assert "until resumed" in meanwhile.stdout
    assert commands.json("stats")["partners"] == [resumed]


def test_stats_tell_what_became_of_the_tokens_of_the_last_minutes(commands: Commands) -> None:
    database = open_database(f"sqlite:///{commands.folder / 'vestibule.sqlite3'}", "test")
    now = DatabaseClock(database).now()
    [id_] = session_ids(1, now, os.urandom)
    sql_stores(database).intake.add([new_session(id=id_, received_at=now)], now)
    database.dispose()

    shown = commands.run("stats")

    assert "tokens of acme in the last five minutes: pending 1" in shown.stderr
    assert commands.json("stats")["tokens"] == [{"partner_id": "acme", "verdicts": {"pending": 1}}]


def test_partner_pause_of_an_unknown_one_fails(commands: Commands) -> None:
    refused = commands.run("partner", "pause", "nobody")

    assert refused.exit_code != 0
    assert refused.stderr.startswith("partner_unknown: ")
