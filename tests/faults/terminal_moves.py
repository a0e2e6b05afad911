"""The judge's own eyes: triggers in the database of a deployment that note every time a session becomes terminal.

What the service says of itself is not asked. Knows the table of sessions and its column `stage`.
"""

# ruff: noqa: S608 - what is put together here are conditions of triggers, all of ours

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.journey.deployment import Deployment
from tests.journey.rows import Rows

_TABLE = "CREATE TABLE judged_moves (session_id text NOT NULL)"
_IS_TERMINAL = "NEW.stage IN ('done', 'dead')"
# That a participant saw the session is noted in its row too, once; it is no move.
_IS_MOVE = f"{_IS_TERMINAL} AND NOT (OLD.stage = NEW.stage AND OLD.read_at IS NULL AND NEW.read_at IS NOT NULL)"
_POSTGRES = f"""
    CREATE FUNCTION judge_move() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO judged_moves VALUES (NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER judge_insert AFTER INSERT ON sessions FOR EACH ROW
    WHEN ({_IS_TERMINAL}) EXECUTE FUNCTION judge_move();
    CREATE TRIGGER judge_update AFTER UPDATE ON sessions FOR EACH ROW
    WHEN ({_IS_MOVE}) EXECUTE FUNCTION judge_move()"""
_SQLITE_INSERT = f"""
    CREATE TRIGGER judge_insert AFTER INSERT ON sessions WHEN {_IS_TERMINAL}
    BEGIN INSERT INTO judged_moves VALUES (NEW.id); END"""
_SQLITE_UPDATE = f"""
    CREATE TRIGGER judge_update AFTER UPDATE ON sessions WHEN {_IS_MOVE}
    BEGIN INSERT INTO judged_moves VALUES (NEW.id); END"""


def watch_terminal_moves(deployment: Deployment) -> None:
    """Begin to note; each write to a terminal session counts, so that one which changed nothing counts too."""
    url = deployment.database_url
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        triggers = (_SQLITE_INSERT, _SQLITE_UPDATE) if url.startswith("sqlite") else (_POSTGRES,)
        for statement in (_TABLE, *triggers):
            connection.exec_driver_sql(statement)


def count_terminal_moves(deployment: Deployment, ids: Iterable[str]) -> dict[str, int]:
    """Return how often each of those sessions became terminal."""
    found = Counter(dict(Rows(deployment).query("SELECT session_id, count(*) FROM judged_moves GROUP BY session_id")))
    return {id_: found[id_] for id_ in ids}
