"""The disk of the benchmark: the log has its files, and what is dirty is written while something is measured."""

import os
from threading import Event

import psycopg
import pytest

from bench.disk import make_log_files, written_back_steadily


def test_log_has_its_files_before_they_are_needed(postgres_url: str) -> None:
    make_log_files(postgres_url, 64_000_000)

    with psycopg.connect(postgres_url.replace("+psycopg", "")) as server:
        ahead = server.execute(
            "SELECT count(*) FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())"
        ).fetchone()
    assert ahead is not None
    assert ahead[0] >= 2


def test_what_is_dirty_is_written_until_nothing_is_measured_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    written = Event()
    monkeypatch.setattr(os, "sync", written.set)

    with written_back_steadily():
        while_measured = written.wait(5)
    written.clear()

    assert while_measured
    assert not written.wait(1), "somebody writes on"
