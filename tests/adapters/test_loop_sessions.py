"""What the ingress asks on its loop stands as what it asks by threads: PostgreSQL."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.adapters.database.engine import Database, open_database
from app.adapters.database.loop_sessions import PostgresLoopSessions
from app.adapters.database.session_reads import SqlSessionReads
from app.domain.session import Stage
from app.loop_ports import NotOnLoop
from tests.adapters.stores import SEALING
from tests.builders import NOW, new_session, outcome

SECOND = timedelta(seconds=1)


@pytest.fixture
def database(migrated_postgres_url: str) -> Iterator[Database]:
    opened = open_database(migrated_postgres_url, "test")
    yield opened
    opened.dispose()


async def on_loop(database: Database) -> PostgresLoopSessions:
    assert database.lines is not None
    sessions = PostgresLoopSessions(database.lines, SEALING)
    async with asyncio.timeout(10):
        while True:
            with suppress(NotOnLoop):
                await sessions.load_settled(["ses_none"])
                return sessions
            await asyncio.sleep(0.01)


async def test_sessions_stand_as_they_were_added(database: Database) -> None:
    sessions, reads = await on_loop(database), SqlSessionReads(database, SEALING)
    waiting, settled = new_session(), new_session(token=None, stage=Stage.DONE, outcome=outcome())

    await sessions.add([waiting, settled])
    await sessions.add([])
    ids = [waiting.id, settled.id, "ses_unknown"]
    found = await sessions.load_settled(ids)

    assert reads.load(ids).keys() == {waiting.id, settled.id}
    assert found == reads.load_settled(ids)
    assert found[settled.id].outcome == settled.outcome
    assert await sessions.load_settled([]) == {}
    await sessions.close()


async def test_session_that_stands_already_is_refused_with_those_beside_it(database: Database) -> None:
    sessions = await on_loop(database)
    session = new_session(token=None, stage=Stage.DONE, outcome=outcome())

    beside = new_session(token=None, stage=Stage.DONE, outcome=outcome())
    await sessions.add([session])
    with pytest.raises(NotOnLoop):
        await sessions.add([beside, session])

    assert (await sessions.load_settled([session.id, beside.id])).keys() == {session.id}
    await sessions.close()


async def test_marks_pass_over_what_is_being_written(database: Database) -> None:
    sessions = await on_loop(database)
    ids = [new_session().id for _ in range(2)]
    await sessions.add([new_session(id=id_) for id_ in ids])

    with database.writing.begin() as other:
        other.execute(text("SELECT id FROM sessions WHERE id = :id FOR UPDATE"), {"id": ids[0]})
        passed_over = await sessions.mark_read(dict.fromkeys(ids, NOW))
    again = await sessions.mark_read(dict.fromkeys(ids, NOW + SECOND))

    read_at = database.read(lambda connection: connection.execute(text("SELECT id, read_at FROM sessions")).all())
    assert (set(passed_over), set(again)) == ({ids[0]}, set())
    assert {row.id: row.read_at for row in read_at} == {ids[0]: NOW + SECOND, ids[1]: NOW}
    await sessions.close()


async def test_sessions_that_cannot_be_opened_are_left_to_a_thread(database: Database) -> None:
    sessions = await on_loop(database)
    session = new_session(token=None, stage=Stage.DONE, outcome=outcome())
    await sessions.add([session])
    database.write(lambda connection: connection.execute(text("UPDATE sessions SET result = 'harmed'")))

    with pytest.raises(NotOnLoop):
        await sessions.load_settled([session.id])

    await sessions.close()
