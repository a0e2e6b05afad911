"""`vestibule doctor --partner`: real endpoints asked, a table for people, JSON for programs, an exit code."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import Result

from app.cli.data_folder import locked
from tests.cli.commands import Commands
from tests.documents.examples import campaign_body, partner_body
from tests.doubles.http_double import HttpDouble, http_answer, serving
from tests.steps.verifying import SIGNING, key_pair


@pytest_asyncio.fixture
async def jwks() -> AsyncIterator[HttpDouble]:
    keys = json.dumps({"keys": [key_pair("k1")[1]]}).encode()
    async with serving(http_answer(keys, cache_control="max-age=600", etag='"1"')) as double:
        yield double


@pytest.fixture
def commands(tmp_path: Path, jwks: HttpDouble) -> Commands:
    migrated = Commands.at(tmp_path, PRIVATE_URL_CIDRS="127.0.0.0/8")
    assert migrated.run("migrate").exit_code == 0
    put(migrated, f"http://127.0.0.1:{jwks.port}/jwks.json")
    return migrated


def put(commands: Commands, jwks_url: str, *algorithms: str) -> None:
    signature = {"method": "jwks", "jwks_url": jwks_url, "algorithms": list(algorithms) or [SIGNING]}
    assert (
        commands.run("partner", "put", "acme", "-", "--json", input_=partner_body(signature=signature)).exit_code == 0
    )
    assert commands.run("campaign", "put", "spring", "-", input_=campaign_body()).exit_code == 0


async def run(commands: Commands, *arguments: str) -> Result:
    return await asyncio.to_thread(commands.run, "doctor", "--partner", "acme", *arguments)


async def test_doctor_of_a_partner_shows_a_line_for_each_check(commands: Commands) -> None:
    shown = await run(commands)

    lines: dict[str, str] = {line.split()[1]: line for line in shown.stdout.splitlines()[1:]}
    assert shown.exit_code == 0, shown.stdout
    assert lines["jwks_keys"].startswith("ok")
    assert f"k1 ({SIGNING})" in lines["jwks_keys"]
    assert lines["issuer"].startswith("warn")


async def test_doctor_beside_a_running_up_reaches_what_its_processes_reach(commands: Commands) -> None:
    strict = Commands.at(commands.folder)  # no setting says that loopback may be called
    refused = await run(strict)
    with locked(commands.folder):
        reached = await run(strict)

    assert (refused.exit_code, reached.exit_code) == (1, 0), reached.stdout


async def test_doctor_of_a_partner_answers_with_json(commands: Commands) -> None:
    shown = await run(commands, "--json")

    body: dict[str, Any] = json.loads(shown.stdout)
    assert (body["partner_id"], body["status"]) == ("acme", "warn")
    assert {tuple(check) for check in body["checks"]} == {("name", "status", "detail", "hint")}


async def test_doctor_of_a_partner_with_a_failed_check_ends_with_failed(commands: Commands, jwks: HttpDouble) -> None:
    await asyncio.to_thread(put, commands, f"http://127.0.0.1:{jwks.port}/jwks.json", "RS512")

    shown = await run(commands)

    assert shown.exit_code == 1
    assert "no key for RS512" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("--partner", "nobody"), 4, id="unknown-partner"),
        pytest.param(("--sub", "ada"), 2, id="sample-of-no-partner"),
    ],
)
def test_doctor_that_cannot_be_asked_so_ends_with_its_code(
    commands: Commands, arguments: tuple[str, ...], code: int
) -> None:
    assert commands.run("doctor", *arguments).exit_code == code
