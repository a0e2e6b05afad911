"""Commands that configure: migrate, partner, campaign, client; what they print and how they end."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from app.documents.secrets import MASK
from tests.builders import JWS
from tests.cli.commands import Commands
from tests.documents.examples import CREDENTIAL, campaign_body, partner_body, secretive_body


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    migrated = Commands.at(tmp_path, ADMIN_CLIENT_ID="admin", ADMIN_CLIENT_SECRET="an-admin-secret-1234")
    assert migrated.run("migrate").exit_code == 0
    return migrated


def ended(result: Result, code: int) -> bool:
    return result.exit_code == code and "Traceback" not in result.output and result.stderr != ""


def test_migrate_again_changes_nothing(commands: Commands) -> None:
    again = commands.json("migrate")

    assert again["admin_client"] == "unchanged"
    assert [client["client_id"] for client in commands.json("client", "list")["items"]] == ["admin"]


def test_partner_put_from_a_file_is_read_back_masked(commands: Commands, tmp_path: Path) -> None:
    file = tmp_path / "acme.json"
    file.write_text(json.dumps(secretive_body()))

    put = commands.run("partner", "put", "acme", str(file))

    assert (put.exit_code, put.stderr) == (0, "partner acme created, version 1\n")
    assert CREDENTIAL not in put.output
    assert json.loads(put.stdout) == commands.json("partner", "get", "acme")
    assert json.loads(put.stdout)["prefill"]["authorization"]["secret"] == MASK


def test_partner_put_of_a_file_too_large_says_so(commands: Commands) -> None:
    refused = commands.run("partner", "put", "acme", "-", input_={"name": "x" * 1024 * 1024})

    assert (refused.exit_code, refused.stderr) == (5, "request_too_large: The file is larger than 1 MiB.\n")


def test_partner_put_with_mistakes_lists_them_all(commands: Commands) -> None:
    refused = commands.run("partner", "put", "acme", "-", input_={"nmae": "x"})

    assert refused.exit_code == 5
    assert refused.stderr.splitlines() == [
        "request_invalid: The document has mistakes.",
        "  name: This member is required.",
        "  signature: This member is required.",
        "  nmae: There is no member of this name.",
    ]


def test_partner_put_with_mistakes_lists_them_as_json_too(commands: Commands) -> None:
    refused = commands.run("partner", "put", "acme", "-", "--json", input_={"name": "x"})

    assert (refused.exit_code, refused.stdout) == (5, "")
    assert json.loads(refused.stderr) == {
        "code": "request_invalid",
        "detail": "The document has mistakes.",
        "errors": [{"path": "signature", "reason": "This member is required."}],
    }


def test_partner_that_is_not_there_ends_with_not_found(commands: Commands) -> None:
    refused = commands.run("partner", "get", "nobody")

    assert ended(refused, 4)
    assert refused.stderr.startswith("partner_unknown: ")


def test_file_that_is_not_json_ends_with_refused(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")

    refused = commands.run("campaign", "put", "spring", str(tmp_path / "bad.json"))

    assert ended(refused, 5)


def test_campaigns_are_listed_a_line_each(commands: Commands) -> None:
    commands.run("partner", "put", "acme", "-", input_=partner_body())
    for id_ in ("spring", "autumn"):
        commands.run("campaign", "put", id_, "-", input_=campaign_body())

    table = commands.run("campaign", "list")
    listed = commands.json("campaign", "list")

    assert [line.split()[:2] for line in table.stdout.splitlines()[1:]] == [["autumn", "1"], ["spring", "1"]]
    assert [item["id"] for item in listed["items"]] == ["autumn", "spring"]


def test_client_secret_is_shown_once_and_stored_as_a_hash(commands: Commands, tmp_path: Path) -> None:
    created = commands.run("client", "create", "ci", "--scope", "keys:read")

    secret = created.stdout.strip()
    assert len(secret) == 43
    assert secret not in created.stderr
    assert secret not in commands.run("client", "list").output
    assert not any(secret.encode() in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_client_that_exists_is_not_replaced_unless_told(commands: Commands) -> None:
    first = commands.json("client", "create", "ci")

    refused = commands.run("client", "create", "ci")
    second = commands.json("client", "create", "ci", "--replace", "--scope", "stats:read")

    assert ended(refused, 5)
    assert second["client_secret"] != first["client_secret"]
    assert second["scope"] == "stats:read"


def test_client_of_a_partner_stays_bound_to_it_unless_told(commands: Commands) -> None:
    commands.run("partner", "put", "acme", "-", input_=secretive_body())
    commands.run("client", "create", "team", "--partner", "acme")

    refused = commands.run("client", "create", "team", "--replace")
    again = commands.json("client", "create", "team", "--replace", "--partner", "acme")
    unbound = commands.json("client", "create", "team", "--replace", "--unbind")

    assert commands.run("client", "create", "team", "--replace", "--unbind", "--partner", "acme").exit_code == 2
    assert ended(refused, 5)
    assert "partner: The client is bound to acme" in refused.stderr
    assert (again["partner_id"], unbound["partner_id"]) == ("acme", None)


def test_client_of_a_partner_that_is_not_there_is_refused(commands: Commands) -> None:
    refused = commands.run("client", "create", "ci", "--partner", "nobody")

    assert ended(refused, 4)


def test_client_revoked_is_listed_so(commands: Commands) -> None:
    commands.run("client", "create", "ci")

    revoked = commands.json("client", "revoke", "ci")

    by_id = {client["client_id"]: client for client in commands.json("client", "list")["items"]}
    assert by_id["ci"] == revoked
    assert by_id["ci"]["revoked_at"] is not None
    assert by_id["admin"]["revoked_at"] is None
    assert ended(commands.run("client", "revoke", "nobody"), 4)


def test_purge_of_an_empty_installation_deletes_nothing(commands: Commands) -> None:
    purged = commands.run("purge")

    assert (purged.exit_code, purged.stderr) == (0, "0 rows deleted\n")


def test_command_with_a_setting_that_is_none_ends_with_configuration(tmp_path: Path) -> None:
    refused = Commands.at(tmp_path, NO_SUCH_SETTING="1").run("partner", "list")

    assert ended(refused, 3)
    assert "VESTIBULE_NO_SUCH_SETTING: no setting has this name" in refused.stderr


def test_command_without_its_database_ends_with_store_unavailable(tmp_path: Path) -> None:
    keys = "00112233445566778899aabbccddeeff" * 2
    nowhere = Commands.at(tmp_path, DATABASE_URL="postgresql://127.0.0.1:1/none", MASTER_KEYS=keys)

    refused = nowhere.run("partner", "list")

    assert ended(refused, 6)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["stats"], id="stats"),
        pytest.param(["partner", "list"], id="partner-list"),
        pytest.param(["token", "inspect", "--partner", "acme", "--campaign", "spring", "token.txt"], id="inspect"),
    ],
)
def test_command_on_a_database_that_was_not_migrated_tells_what_to_do(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("token.txt").write_text(JWS)

    refused = Commands.at(tmp_path).run(*words)

    assert ended(refused, 3)
    assert refused.stderr == (
        "schema_outdated: the database is not at this version's revision; `vestibule migrate` brings it there\n"
    )


def test_command_on_a_postgresql_that_was_not_migrated_tells_it_alike(tmp_path: Path, postgres_url: str) -> None:
    refused = Commands.at(tmp_path, DATABASE_URL=postgres_url, MASTER_KEYS="01" * 32).run("stats", "--json")

    assert ended(refused, 3)
    assert json.loads(refused.stderr)["code"] == "schema_outdated"


def test_command_used_wrongly_ends_with_usage(commands: Commands) -> None:
    refused = commands.run("partner", "put", "acme")

    assert ended(refused, 2)


def test_help_lists_every_command(commands: Commands) -> None:
    shown = commands.run("--help")

    assert shown.exit_code == 0
    for name in (
        "campaign",
        "client",
        "dead-letters",
        "doctor",
        "migrate",
        "partner",
        "purge",
        "replay",
        "token",
        "up",
    ):
        assert f"\n  {name} " in shown.stdout


def test_partner_keys_are_rotated_and_the_old_ones_end_when_it_is_said(commands: Commands) -> None:
    commands.run("partner", "put", "acme", "-", input_=partner_body(encryption={"method": "crypto_api"}))

    spoken = commands.run("partner", "rotate-keys", "acme")
    told = commands.json("partner", "rotate-keys", "acme", "--overlap-hours", "0")

    assert (spoken.exit_code, spoken.output) == (0, "partner acme: the keys of generation 2 are published\n")
    kids = told.pop("kids")
    assert told == {"partner_id": "acme", "generation": 3}
    assert len(set(kids)) == 5


@pytest.mark.parametrize(
    ("partner_id", "code"),
    [
        pytest.param("nobody", "partner_unknown", id="no-partner"),
        pytest.param("plain", "encryption_keys_unknown", id="no-pairs"),
    ],
)
def test_partner_keys_that_there_are_not_cannot_be_rotated(commands: Commands, partner_id: str, code: str) -> None:
    commands.run("partner", "put", "plain", "-", input_=partner_body())

    refused = commands.run("partner", "rotate-keys", partner_id)

    assert ended(refused, 4)
    assert refused.stderr.startswith(f"{code}: ")
