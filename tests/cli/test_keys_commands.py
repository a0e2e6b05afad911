"""`vestibule keys` on a database of its own: shown, refreshed, revoked, pinned; what is printed and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.jose.signing import generate_key
from tests.cli.commands import Commands
from tests.documents.examples import partner_body, secretive_body


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    migrated = Commands.at(tmp_path)
    assert migrated.run("migrate").exit_code == 0
    migrated.json("partner", "put", "acme", "-", input_=partner_body())
    return migrated


def public_set(*kids: str) -> dict[str, Any]:
    return {"keys": [generate_key("ES256", kid)[1] for kid in kids]}


def test_keys_show_before_the_first_fetch_is_empty(commands: Commands) -> None:
    shown = commands.json("keys", "show", "acme")

    assert (shown["state"], shown["version"], shown["keys"]) == ("empty", 0, [])


def test_keys_show_for_people_has_a_line_for_each_member(commands: Commands) -> None:
    commands.json("keys", "pin", "acme", "-", input_=public_set("k1"))

    shown = commands.run("keys", "show", "acme")

    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[:2] == ["state: pinned", "version: 1"]
    assert "k1" in shown.stdout


def test_keys_refresh_asks_and_shows_what_is_known(commands: Commands) -> None:
    refreshed = commands.run("keys", "refresh", "acme")

    assert (refreshed.exit_code, refreshed.stderr) == (0, "asked for: a fetch worker does it within two seconds\n")
    assert refreshed.stdout.startswith("state: empty\n")


def test_keys_pin_then_unpin_goes_there_and_back(commands: Commands) -> None:
    pinned = commands.json("keys", "pin", "acme", "-", input_=public_set("k1", "k2"))
    unpinned = commands.json("keys", "unpin", "acme")

    assert (pinned["state"], [key["kid"] for key in pinned["keys"]]) == ("pinned", ["k1", "k2"])
    assert (unpinned["state"], unpinned["version"], unpinned["keys"]) == ("empty", 1, [])
    history = commands.json("keys", "show", "acme", "--history")["items"]
    assert [(one["event"], one["kid"]) for one in history] == [("added", "k2"), ("added", "k1")]


@pytest.mark.parametrize(
    ("document", "mistakes"),
    [
        pytest.param({"keys": []}, ["  keys: There is no key."], id="none"),
        pytest.param(
            {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "o"}, {"kty": "EC"}]},
            [
                "  keys[kid=o]: A shared secret cannot stand among public keys. (symmetric_key)",
                "  keys: A key of a JWK Set needs a `kid`, by which tokens name it. (kid_missing)",
            ],
            id="unusable",
        ),
    ],
)
def test_keys_pin_of_keys_that_cannot_be_used_is_refused(
    commands: Commands, document: dict[str, Any], mistakes: list[str]
) -> None:
    refused = commands.run("keys", "pin", "acme", "-", input_=document)

    assert refused.exit_code == 5
    assert refused.stderr.splitlines() == ["request_invalid: The document has mistakes.", *mistakes]


def test_keys_revoke_dry_run_changes_nothing_then_revoke_holds(commands: Commands) -> None:
    pinned = commands.json("keys", "pin", "acme", "-", input_=public_set("k1", "k2"))

    dry = commands.json("keys", "revoke", "acme", "--kid", "k1", "--dry-run")
    between = commands.json("keys", "show", "acme")
    commands.json("keys", "revoke", "acme", "--kid", "k1")

    assert (dry["thumbprints"], dry["revoked"], dry["accepted"]) == ([pinned["keys"][0]["thumbprint"]], False, 0)
    assert between == pinned
    after = commands.json("keys", "show", "acme")
    assert [key["kid"] for key in after["keys"]] == ["k2"]
    assert after["dropped"] == [{"kid": "k1", "reason": "key_revoked"}]
    assert commands.run("keys", "show", "acme").stdout.splitlines()[-1].split(maxsplit=2) == [
        "k1",
        "key_revoked",
        "This key was revoked here.",
    ]


def test_keys_revoke_with_void_says_what_became_of_the_sessions(commands: Commands) -> None:
    commands.json("keys", "pin", "acme", "-", input_=public_set("k1"))

    voided = commands.run("keys", "revoke", "acme", "--kid", "k1", "--void")

    assert voided.exit_code == 0
    assert voided.stderr.splitlines()[-1] == "it had accepted 0 sessions, of which 0 are void now, 0 not"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["keys", "show", "nobody"], 4, id="unknown-partner"),
        pytest.param(["keys", "show", "secretive"], 5, id="configured-keys"),
        pytest.param(["keys", "revoke", "acme", "--kid", "never"], 5, id="unknown-kid"),
        pytest.param(["keys", "revoke", "acme", "--kid", "k", "--void", "--dry-run"], 2, id="dry-and-void"),
        pytest.param(["keys", "revoke", "acme"], 2, id="no-kid"),
    ],
)
def test_keys_command_that_cannot_be_done_ends_with_its_code(
    commands: Commands, arguments: list[str], code: int
) -> None:
    commands.json("partner", "put", "secretive", "-", input_=secretive_body())

    ended = commands.run(*arguments)

    assert ended.exit_code == code
    assert "Traceback" not in ended.output


def test_partner_put_says_that_nobody_answered_yet(commands: Commands) -> None:
    put = commands.run("partner", "put", "globex", "-", input_=partner_body())

    assert put.exit_code == 0
    assert json.loads(put.stdout)["name"] == "ACME"
    assert put.stderr.splitlines() == [
        "partner globex created, version 1",
        "keys: asked for, no answer yet; `vestibule keys show` tells later (does a fetch worker run?)",
    ]
