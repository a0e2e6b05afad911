"""A participant deleted at the command line: the sub on standard input, nowhere in what is told."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from tests.cli.commands import Commands
from tests.documents.examples import partner_body


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    migrated = Commands.at(tmp_path)
    assert migrated.run("migrate").exit_code == 0
    assert migrated.run("partner", "put", "acme", "-", input_=partner_body()).exit_code == 0
    return migrated


def test_participant_delete_says_how_much_went_and_names_nobody(commands: Commands) -> None:
    deleted = commands.json("participant", "delete", "acme", "--forget-plays", input_="ada@example.com")
    [entry, _] = commands.json("audit", "list")["items"]

    assert (deleted["sessions"], deleted["plays"], deleted["unjudged"]) == (0, "forgotten", 0)
    assert (entry["action"], entry["subject"], entry["detail"]) == (
        "participant.erased",
        "acme",
        {"plays": "forgotten"},
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("ren\xe9".encode("latin-1"), "This must be text, in UTF-8.", id="not-utf-8"),
        pytest.param(b"a" * 20_000, "This is longer than any token.", id="too-long"),
    ],
)
def test_participant_delete_never_takes_one_sub_for_another(commands: Commands, line: bytes, reason: str) -> None:
    refused = CliRunner(env=commands.environment).invoke(main, ["participant", "delete", "acme"], input=line)

    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (5, f"  sub: {reason}")


@pytest.mark.parametrize(
    ("partner_id", "sub", "code"),
    [
        pytest.param("nobody", "ada", 4, id="partner-unknown"),
        pytest.param("acme", "", 5, id="no-sub"),
    ],
)
def test_participant_delete_that_cannot_be_done_ends_with_its_code(
    commands: Commands, partner_id: str, sub: str, code: int
) -> None:
    refused = CliRunner(env=commands.environment).invoke(main, ["participant", "delete", partner_id], input=f"{sub}\n")

    assert refused.exit_code == code
