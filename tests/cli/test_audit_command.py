"""The record of changes on the command line."""

from pathlib import Path

import pytest

from tests.cli.commands import Commands
from tests.documents.examples import partner_body


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    migrated = Commands.at(tmp_path)
    assert migrated.run("migrate").exit_code == 0
    for partner_id in ("acme", "globex"):
        assert migrated.run("partner", "put", partner_id, "-", input_=partner_body()).exit_code == 0
    return migrated


def test_audit_list_shows_the_newest_changes_first(commands: Commands) -> None:
    everything = commands.json("audit", "list")["items"]
    last = commands.json("audit", "list", "--limit", "1")["items"]

    assert [(entry["actor"], entry["action"], entry["subject"]) for entry in everything] == [
        ("command-line", "partner.created", "globex"),
        ("command-line", "partner.created", "acme"),
    ]
    assert last == everything[:1]


def test_audit_list_is_narrowed_by_its_options(commands: Commands) -> None:
    shown = commands.run("audit", "list", "--partner", "acme")

    assert (shown.exit_code, "acme" in shown.stdout, "globex" in shown.stdout) == (0, True, False)


def test_audit_list_with_no_moment_is_refused(commands: Commands) -> None:
    refused = commands.run("audit", "list", "--since", "yesterday")

    assert refused.exit_code == 5
    assert "since: This must be a moment" in refused.stderr
