"""Commands that stop and start a partner, and show how the delivery is."""

from pathlib import Path

import pytest

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


def test_partner_pause_of_an_unknown_one_fails(commands: Commands) -> None:
    refused = commands.run("partner", "pause", "nobody")

    assert refused.exit_code != 0
    assert refused.stderr.startswith("partner_unknown: ")
