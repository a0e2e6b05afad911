"""That a session was shown is noted once: twin, SQLite, PostgreSQL."""

from datetime import timedelta

from app.domain.session import Stage
from tests.adapters.stores import Stores
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
