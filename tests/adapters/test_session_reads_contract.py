"""That a session was shown is noted once: twin, SQLite, PostgreSQL."""

from datetime import timedelta

from sqlalchemy import text

from app.adapters.database.engine import open_database
from app.adapters.database.session_intake import SqlSessionIntake
from app.adapters.database.session_reads import SqlSessionReads
from app.domain.session import Stage
from tests.adapters.stores import SEALING, Stores
from tests.builders import NOW, new_session, outcome

SECOND = timedelta(seconds=1)


def test_session_is_marked_as_read_once(stores: Stores) -> None:
    session = new_session(token=None, stage=Stage.DONE, outcome=outcome())
    stores.intake.add([session], NOW)

    unread = stores.records.find_history(session.id)
    stores.read_record.mark_read({session.id: NOW + SECOND, "ses_other": NOW})
    stores.read_record.mark_read({session.id: NOW + 2 * SECOND})

    read = stores.records.find_history(session.id)
    assert unread is not None
    assert read is not None
    assert (unread.read_at, read.read_at) == (None, NOW + SECOND)


def test_session_that_is_being_written_is_passed_over_and_marked_the_next_time(migrated_postgres_url: str) -> None:
    database = open_database(migrated_postgres_url, "test")
    ids = [new_session().id for _ in range(2)]
    SqlSessionIntake(database, SEALING).add([new_session(id=id_) for id_ in ids], NOW)
    record = SqlSessionReads(database, SEALING)
    locks = text("SELECT id FROM sessions WHERE id = :id FOR UPDATE")

    with database.writing.begin() as other:
        other.execute(locks, {"id": ids[0]})
        passed_over = record.mark_read(dict.fromkeys(ids, NOW))
    again = record.mark_read(dict.fromkeys(passed_over, NOW))

    assert (set(passed_over), set(again)) == ({ids[0]}, set())
    database.dispose()
