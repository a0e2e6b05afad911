"""`vestibule dead-letters` and `vestibule replay`, on a database of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select

from app.adapters.database.engine import Database, open_database
from app.adapters.database.replays import SqlReplays
from app.adapters.database.schema import AuditRow
from app.domain.replay import ReplayState
from app.domain.session import Stage
from app.ports import Claim
from app.reasons import PrefillReason
from tests.adapters.stores import sql_stores
from tests.builders import NOW, move, new_session, replay, request
from tests.cli.commands import Commands
from tests.documents.examples import partner_body

LEASE = timedelta(seconds=30)
FAR = NOW + timedelta(days=3650)


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    migrated = Commands.at(tmp_path)
    assert migrated.run("migrate").exit_code == 0
    assert migrated.run("partner", "put", "acme", "-", input_=partner_body()).exit_code == 0
    return migrated


@contextmanager
def database_of(commands: Commands) -> Iterator[Database]:
    database = open_database(f"sqlite:///{commands.folder / 'vestibule.sqlite3'}", "test")
    yield database
    database.dispose()


def bury(commands: Commands, error_class: PrefillReason = PrefillReason.TIMEOUT, number: int = 1) -> list[str]:
    with database_of(commands) as database:
        stores = sql_stores(database)
        sessions = [new_session(expires_at=FAR) for _ in range(number)]
        stores.intake.add(sessions, NOW)
        verified = stores.queue.claim(Claim(Stage.VERIFY, number, NOW, NOW + LEASE))
        dead = [
            move(one, Stage.DEAD, request=request(bearer_expires_at=None), error_class=error_class) for one in verified
        ]
        stores.queue.finish(dead, NOW - timedelta(days=3650))
    return [session.id for session in sessions]


def ended(result: Result, code: int) -> bool:
    return result.exit_code == code and "Traceback" not in result.output and result.stderr != ""


def test_dead_letters_are_listed_a_line_each(commands: Commands) -> None:
    ids = bury(commands, PrefillReason.AUTH, 3)

    table = commands.run("dead-letters", "list")
    listed = commands.json("dead-letters", "list")
    none = commands.json("dead-letters", "list", "--error-class", "dns")

    assert [line.split()[0] for line in table.stdout.splitlines()[1:]] == ids
    assert table.stdout.splitlines()[1].split()[-1] == "final_class"
    assert [item["session_id"] for item in listed["items"]] == ids
    assert none["items"] == []


def test_dry_run_says_what_would_be_passed_over_and_starts_nothing(commands: Commands) -> None:
    bury(commands, number=2)
    bury(commands, PrefillReason.AUTH)

    counted = commands.run("replay", "start", "--partner", "acme", "--dry-run")
    again = commands.json("replay", "start", "--partner", "acme", "--dry-run", "--force")

    assert counted.exit_code == 0
    assert counted.stderr.splitlines() == [
        "3 dead letters match, 2 would be tried again",
        "  1 would be passed over: final_class",
    ]
    assert json.loads(counted.stdout) == {
        "replay_id": None,
        "matched": 3,
        "skipped": 1,
        "by_error_class": {"auth": 1, "timeout": 2},
        "by_skip_reason": {"final_class": 1},
    }
    assert (again["skipped"], again["by_skip_reason"]) == (0, {})


def test_replay_is_started_steered_and_shown(commands: Commands) -> None:
    bury(commands, number=2)

    started = commands.json("replay", "start", "--partner", "acme", "--rate", "5")
    id_ = started["replay_id"]
    second = commands.run("replay", "start", "--campaign", "945645")
    paused = commands.json("replay", "pause", id_)
    resumed = commands.run("replay", "resume", id_)
    cancelled = commands.json("replay", "cancel", id_)
    over = commands.run("replay", "resume", id_)
    shown = commands.json("replay", "status", id_)

    assert ended(second, 5)
    assert second.stderr.startswith("replay_active: ")
    assert (paused["state"], paused["left"]) == ("paused", 2)
    assert resumed.stderr == f"replay {id_} is running\n"
    assert cancelled == shown
    assert (shown["state"], shown["started_by"], shown["rate_per_second"]) == ("cancelled", "command-line", 5)
    assert ended(over, 5)


def test_every_command_that_changes_a_replay_is_audited(commands: Commands) -> None:
    bury(commands)
    id_ = commands.json("replay", "start", "--partner", "acme")["replay_id"]
    for command in ("pause", "resume", "cancel"):
        commands.json("replay", command, id_)

    with database_of(commands) as database:
        rows = database.read(lambda c: c.execute(select(AuditRow.action, AuditRow.subject)).all())

    actions = [action for action, target in rows if target == id_]
    assert actions == ["replay.started", "replay.paused", "replay.resumed", "replay.cancelled"]


def test_replay_without_a_filter_is_refused(commands: Commands) -> None:
    refused = commands.run("replay", "start", "--rate", "0")

    assert ended(refused, 5)
    assert refused.stderr.splitlines()[1:] == [
        "  filter: This must have at least one of partner_id, campaign_id, error_class, since and until.",
        "  rate_per_second: This must be at least 0.1.",
    ]


@pytest.mark.parametrize("more", [[], ["--dry-run"], ["--watch"]], ids=["start", "dry-run", "watch"])
def test_replay_of_a_partner_that_is_not_there_ends_with_not_found(commands: Commands, more: list[str]) -> None:
    refused = commands.run("replay", "start", "--partner", "acne", *more)

    assert ended(refused, 4)
    assert refused.stderr.startswith("partner_unknown: ")
    with database_of(commands) as database:
        assert SqlReplays(database).load_running() == []


def test_replay_that_is_not_there_ends_with_not_found(commands: Commands) -> None:
    assert ended(commands.run("replay", "status", "rpl_9"), 4)
    assert ended(commands.run("replay", "cancel", "rpl_9"), 4)


@pytest.mark.parametrize("state", [ReplayState.DONE, ReplayState.PAUSED])
def test_watch_ends_where_a_replay_runs_no_more(commands: Commands, state: ReplayState) -> None:
    with database_of(commands) as database:
        SqlReplays(database).add(replay(state=state))

    watched = commands.json("replay", "status", "rpl_1", "--watch")

    assert watched["state"] == state


def test_watch_of_a_replay_of_nothing_shows_it_done(commands: Commands) -> None:
    watched = commands.run("replay", "start", "--partner", "acme", "--watch")

    assert watched.exit_code == 0
    assert json.loads(watched.stdout)["state"] == "done"


def test_watch_on_a_terminal_draws_a_bar_and_prints_the_end(commands: Commands) -> None:
    with database_of(commands) as database:
        SqlReplays(database).add(replay(state=ReplayState.DONE, matched=7))
    ours, theirs = os.openpty()

    finished = subprocess.run(
        [sys.executable, "-m", "app", "replay", "status", "rpl_1", "--watch"],
        env={**os.environ, **commands.environment, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        timeout=30,
    )
    os.close(theirs)
    drawn = os.read(ours, 65536).decode()
    os.close(ours)

    assert "7/7" in drawn
    assert json.loads(finished.stdout)["state"] == "done"
