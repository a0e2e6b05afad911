"""The servers themselves: they answer, survive what the fault tests do to them, and leave nothing behind."""

import os
from pathlib import Path

import kombu
import psycopg
import pytest
import redis

from tests.servers.leaving_out import left_out_lines, running
from tests.servers.postgres import Postgres
from tests.servers.process import ServerMissing, find_program
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import Redis
from tests.servers.tree import members_of, still_running


def _query(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def _send_and_receive(url: str) -> object:
    with kombu.Connection(url, connect_timeout=5) as connection, connection.SimpleQueue("errands") as queue:
        queue.put({"errand": 1})
        message = queue.get(timeout=10)
        message.ack()
        return message.payload


def test_postgres_running_answers_a_query(postgres: Postgres) -> None:
    answer = _query(postgres.url, "SELECT 6 * 7")

    assert answer == [(42,)]


def test_postgres_url_of_a_test_names_an_empty_database_of_its_own(postgres: Postgres, postgres_url: str) -> None:
    _query(postgres_url, "CREATE TABLE only_here (id int)")

    other = postgres.create_database()

    assert other != postgres_url
    assert _query(other, "SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'") == [(0,)]
    postgres.drop_database(other)


def test_postgres_database_from_a_template_holds_what_the_template_holds(postgres: Postgres, postgres_url: str) -> None:
    _query(postgres_url, "CREATE TABLE stamped (id int)")

    copy = postgres.create_database(template_url=postgres_url)

    assert _query(copy, "SELECT count(*) FROM stamped") == [(0,)]
    postgres.drop_database(copy)


def test_postgres_restarted_after_a_kill_keeps_what_was_committed_and_stopped_leaves_no_process(
    servers_folder: Path, pytestconfig: pytest.Config
) -> None:
    with running(Postgres.start, servers_folder / "postgres-killed", pytestconfig.stash) as server:
        _query(server.url, "CREATE TABLE kept AS SELECT 1 AS id")

        server.kill()
        server.restart()

        assert _query(server.url, "SELECT id FROM kept") == [(1,)]
        ours = members_of(server.pid)

    assert ours
    assert still_running(ours) == []


def test_postgres_paused_answers_nobody_until_it_is_resumed(postgres: Postgres) -> None:
    postgres.pause()
    try:
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(postgres.url.replace("+psycopg", ""), connect_timeout=2)
    finally:
        postgres.resume()

    assert _query(postgres.url, "SELECT 1") == [(1,)]


def test_redis_running_answers_a_command(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url, socket_timeout=5) as client:
        client.set("errand", "1")

        assert client.get("errand") == b"1"


def test_redis_paused_answers_nobody_until_it_is_resumed(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.3, retry=None) as client:
        redis_server.pause()
        try:
            with pytest.raises(redis.TimeoutError):
                client.ping()
        finally:
            redis_server.resume()

        assert client.ping()


def test_redis_restarted_is_empty_and_stopped_leaves_no_process(
    servers_folder: Path, pytestconfig: pytest.Config
) -> None:
    with running(Redis.start, servers_folder / "redis-restarted", pytestconfig.stash) as server:
        with redis.Redis.from_url(server.url, socket_timeout=5) as client:
            client.set("errand", "1")

        server.restart()

        with redis.Redis.from_url(server.url, socket_timeout=5) as client:
            assert client.get("errand") is None
        ours = members_of(server.pid)

    assert ours
    assert still_running(ours) == []


def test_redis_databases_are_never_given_twice_and_can_be_used(redis_server: Redis) -> None:
    first, second = redis_server.create_database(), redis_server.create_database()

    with redis.Redis.from_url(first, socket_timeout=5) as client:
        client.set("errand", "1")
    with redis.Redis.from_url(second, socket_timeout=5) as client:
        found = client.get("errand")

    assert first != second
    assert found is None


def test_rabbitmq_running_carries_a_message(rabbitmq: RabbitMQ) -> None:
    received = _send_and_receive(rabbitmq.url)

    assert received == {"errand": 1}


def test_rabbitmq_killed_and_restarted_empty_serves_the_same_url_and_leaves_no_process(
    servers_folder: Path, pytestconfig: pytest.Config
) -> None:
    before = members_of(os.getpid())
    with running(RabbitMQ.start, servers_folder / "rabbitmq-restarted", pytestconfig.stash) as server:
        server.kill()
        server.restart(empty=True)

        received = _send_and_receive(server.url)
        ours = [member for member in members_of(os.getpid()) if member not in before]

    assert received == {"errand": 1}
    assert server.pid in {member.pid for member in ours}
    assert still_running(ours) == []


def test_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerMissing, match="no-such-server"):
        find_program("no-such-server", str(tmp_path))


def test_program_in_several_versions_is_found_in_the_newest(tmp_path: Path) -> None:
    for version in ("9", "15", "14"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "server").touch()

    found = find_program("server", f"{tmp_path}/*/bin")

    assert found == tmp_path / "15" / "bin" / "server"


def _start_nothing(_folder: Path) -> Redis:
    raise ServerMissing("no-such-server")


def test_missing_server_outside_ci_is_left_out_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    stash = pytest.Stash()

    with pytest.raises(pytest.skip.Exception, match="no-such-server"), running(_start_nothing, tmp_path, stash):
        pass

    assert left_out_lines(stash) == ["left out: every test that needs no-such-server"]


def test_missing_server_in_ci_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with (
        pytest.raises(pytest.fail.Exception, match="no-such-server"),
        running(_start_nothing, tmp_path, pytest.Stash()),
    ):
        pass
