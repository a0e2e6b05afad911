"""The timeline of a session on the command line."""

from pathlib import Path

import pytest
from sqlalchemy import insert

from app.adapters.database.engine import open_database
from app.adapters.database.schema import SessionRow
from tests.builders import NOW
from tests.cli.commands import Commands

SESSION = {
    "id": "ses_1",
    "campaign_id": "945645",
    "partner_id": "acme",
    "stage": "done",
    "encrypted": False,
    "received_at": NOW,
    "deadline_at": NOW,
    "expires_at": NOW,
    "settled_at": NOW,
    "read_at": NOW,
}


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    migrated = Commands.at(tmp_path)
    assert migrated.run("migrate").exit_code == 0
    database = open_database(f"sqlite:///{tmp_path / 'vestibule.sqlite3'}", "test")
    database.write(lambda connection: connection.execute(insert(SessionRow).values(SESSION)))
    database.dispose()
    return migrated


def test_session_timeline_tells_what_happened_up_to_its_being_read(commands: Commands) -> None:
    told = commands.json("session", "timeline", "ses_1")

    at = "2027-03-01T12:00:00.123Z"
    assert told == {
        "events": [
            {"at": at, "event": "received"},
            {"at": at, "event": "saved", "stage": "done", "error_class": None},
            {"at": at, "event": "read"},
        ]
    }


def test_session_timeline_is_a_line_for_each_event(commands: Commands) -> None:
    shown = commands.run("session", "timeline", "ses_1")

    assert [line.split()[1:] for line in shown.stdout.splitlines()[1:]] == [
        ["received"],
        ["saved", "stage", "done"],
        ["read"],
    ]


def test_session_that_is_not_there_ends_with_not_found(commands: Commands) -> None:
    assert commands.run("session", "timeline", "ses_2").exit_code == 4
