"""Every command of the README is run as it stands there: only ports and servers are those of the test."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.sources import ROOT
from tests.docs.running import bash, environment, own_folder, settled
from tests.servers.postgres import Postgres
from tests.servers.process import OwnProcess, free_port
from tests.servers.redis import Redis

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
RUN, TEST, MINT, PUT, POST, DOCTOR = BLOCKS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return own_folder(tmp_path)


def test_readme_names_the_six_blocks_of_commands() -> None:
    assert (RUN, TEST) == ("make run\n", "make test\n")
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.journey
def test_readme_walk_leads_from_nothing_to_a_filled_form(folder: Path) -> None:
    port = free_port()
    environ = environment(folder, port)
    with_make = OwnProcess.start(["make", "--directory", str(ROOT), *RUN.split()[1:]], folder, environ)
    try:
        with_make.wait_until(lambda: "Ctrl-C stops everything" in with_make.log.read_text())
        session = walk(folder, environ, port)
    finally:
        with_make.end()

    assert session["token"]["status"] == "accepted"
    assert session["prefill"]["form"] == {"firstname": "Ada"}


def walk(folder: Path, environ: dict[str, str], port: int) -> dict[str, Any]:
    """Do what the README says under "Your own token" and return the session that comes of it."""
    minted = bash(MINT, folder, environ)
    signature = json.loads(minted.stderr[minted.stderr.index("{") :])
    (folder / "partner.json").write_text(json.dumps({"name": "ACME", **signature}))
    (folder / "campaign.json").write_text(re.findall(r"^```json\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[1])
    bash(PUT, folder, environ)
    opened = json.loads(bash(POST.replace(":8080/", f":{port}/"), folder, environ).stdout)
    return settled(f"http://127.0.0.1:{port}", opened)


@pytest.mark.journey
def test_readme_production_commands_satisfy_the_doctor_whenever_they_are_run(
    folder: Path, postgres: Postgres, postgres_url: str, redis_server: Redis
) -> None:
    environ = environment(folder, free_port())
    commands = DOCTOR.replace("postgresql://vestibule@db/vestibule", postgres_url.replace("+psycopg", ""))
    commands = commands.replace("redis://redis:6379/0", redis_server.url)

    first, again = (bash(commands, folder, environ).stdout for _ in range(2))

    assert postgres.pid
    assert "failed" not in first + again
    assert "database: it can be reached" in first
    assert (folder / "master.key").stat().st_mode & 0o077 == 0
