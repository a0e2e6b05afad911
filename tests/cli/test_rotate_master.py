"""`vestibule keys rotate-master`: from an old key to a new one, and what a lost key means."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

from tests.cli.commands import Commands
from tests.documents.examples import secretive_body

OLD, NEW = (urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def test_rotate_master_lets_the_old_key_go(tmp_path: Path) -> None:
    before = Commands.at(tmp_path, MASTER_KEYS=OLD)
    assert before.run("migrate").exit_code == 0
    assert before.run("partner", "put", "acme", "-", "--json", input_=secretive_body()).exit_code == 0

    rotated = Commands.at(tmp_path, MASTER_KEYS=f"{NEW},{OLD}").json("keys", "rotate-master")

    after = Commands.at(tmp_path, MASTER_KEYS=NEW)
    again = after.json("keys", "rotate-master")
    assert {item["place"]: item["resealed"] for item in rotated["items"]}["partners"] == 1
    assert rotated["unreadable"] == 0
    assert [item["resealed"] for item in again["items"]] == [0] * len(again["items"])
    assert after.run("doctor").exit_code == 0
    [entry, *_] = after.json("audit", "list", "--action", "master_keys.rotated")["items"]
    assert (entry["subject"], entry["detail"]["partners"]) == ("master_keys", 0)


def test_rotate_master_without_the_old_key_fails_and_says_so(tmp_path: Path) -> None:
    assert Commands.at(tmp_path, MASTER_KEYS=OLD).run("migrate").exit_code == 0

    lost = Commands.at(tmp_path, MASTER_KEYS=NEW).run("keys", "rotate-master")

    assert lost.exit_code == 1
    assert "do not open" in lost.stderr


def test_rotate_master_on_a_terminal_says_how_far_it_is_and_elsewhere_not(tmp_path: Path) -> None:
    commands = Commands.at(tmp_path, MASTER_KEYS=NEW)
    assert commands.run("migrate").exit_code == 0
    ours, theirs = os.openpty()

    subprocess.run(
        [sys.executable, "-m", "app", "keys", "rotate-master"],
        env={**os.environ, **commands.environment, "TERM": "xterm"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        check=True,
        timeout=30,
    )
    os.close(theirs)
    drawn = os.read(ours, 65536).decode()
    os.close(ours)

    assert "sessions.result: 0 rows, 0 sealed anew" in drawn
    assert commands.run("keys", "rotate-master").stderr == ""
