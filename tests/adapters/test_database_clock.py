"""All processes go by the database's clock, whatever their machines' say."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from app.adapters.clock import SystemClock, elapsed
from app.adapters.database import reckoning
from app.adapters.database.clock import DatabaseClock
from app.adapters.database.engine import Database, open_database
from app.errors import StoreUnavailable
from tests.servers.process import free_port

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
NEARLY = timedelta(seconds=5)


@dataclass(frozen=True)
class Stopped:
    """A machine's clock that is wrong."""

    def now(self) -> datetime:
        return LONG_AGO


@dataclass
class Monotonic:
    """Stands in for the clock that nobody sets; each look at the server's takes `look_takes`."""

    seconds: float = 1000.0
    look_takes: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Monotonic:
    faked = Monotonic()
    monkeypatch.setattr(reckoning, "elapsed", faked)
    return faked


@pytest.fixture
def server(postgres_url: str) -> Iterator[Database]:
    database = open_database(postgres_url, "test")
    yield database
    database.dispose()


@pytest.fixture
def looks(server: Database, monotonic: Monotonic) -> list[str]:
    """Note each time that the server is asked for its clock."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "clock_timestamp" in statement:
            asked.append(statement)
            monotonic.seconds += monotonic.look_takes

    event.listen(server.reading, "before_cursor_execute", note)
    return asked


def test_clock_of_a_machine_that_is_wrong_does_not_count_on_postgres(server: Database) -> None:
    now = DatabaseClock(server, Stopped()).now()

    assert abs(now - SystemClock().now()) < NEARLY
    assert now.utcoffset() == timedelta(0)


def test_clock_on_sqlite_is_the_machines(sqlite_url: str) -> None:
    database = open_database(sqlite_url, "test")

    now = DatabaseClock(database, Stopped()).now()

    assert now == LONG_AGO
    database.dispose()


def test_clock_without_a_server_is_unavailable() -> None:
    database = open_database(f"postgresql+psycopg://vestibule@127.0.0.1:{free_port()}/none", "test")

    with pytest.raises(StoreUnavailable):
        DatabaseClock(database).now()

    database.dispose()


def test_clock_goes_on_between_looks_and_batches_ask_nothing(
    server: Database, monotonic: Monotonic, looks: list[str]
) -> None:
    clock = DatabaseClock(server)
    began = clock.now()

    monotonic.seconds += 29
    for work in (server.read, server.write, server.write_one):
        work(lambda _: None)

    assert clock.now() - began == timedelta(seconds=29)
    assert len(looks) == 1


@pytest.mark.parametrize("method", ["read", "write", "write_one"])
def test_clock_is_set_right_again_by_whatever_is_asked_next(
    server: Database, monotonic: Monotonic, looks: list[str], method: str
) -> None:
    clock = DatabaseClock(server)
    clock.now()

    monotonic.seconds += 3600  # nobody's hour has passed: this process's clock is fast
    getattr(server, method)(lambda _: None)

    assert abs(clock.now() - SystemClock().now()) < NEARLY
    assert len(looks) == 2


def test_look_during_which_the_process_was_frozen_does_not_count(
    server: Database, monotonic: Monotonic, looks: list[str]
) -> None:
    clock = DatabaseClock(server)
    began = clock.now()

    monotonic.seconds += 60
    monotonic.look_takes = 600
    server.read(lambda _: None)
    after = clock.now()
    monotonic.look_takes = 0
    monotonic.seconds += 2
    server.read(lambda _: None)

    assert after - began == timedelta(seconds=660)
    assert abs(clock.now() - SystemClock().now()) < NEARLY
    assert len(looks) == 3


def test_look_that_takes_long_counts_once_the_one_before_may_be_as_wrong(
    server: Database, monotonic: Monotonic, looks: list[str]
) -> None:
    clock = DatabaseClock(server)
    began = clock.now()
    monotonic.look_takes = 0.1  # wrong by up to 50 ms, as the first one is after 100 s

    monotonic.seconds += 60
    server.read(lambda _: None)
    after_a_minute = clock.now() - began
    monotonic.seconds += 2
    server.read(lambda _: None)
    looks_of_a_minute = len(looks)
    monotonic.seconds += 60
    server.read(lambda _: None)

    assert after_a_minute == timedelta(seconds=60.1)
    assert looks_of_a_minute == 3
    assert abs(clock.now() - SystemClock().now()) < NEARLY


def test_reckoning_goes_by_the_clock_that_runs_on_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    runs_on = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # other systems need no clock of its own for that
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_MONOTONIC: 1.0, runs_on: 3601.0}.__getitem__)

    assert elapsed() == 3601.0
