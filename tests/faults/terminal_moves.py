"""The judge's own eyes: triggers in the database of a deployment that note every time a session becomes terminal.

What the service says of itself is not asked. Knows the table of sessions and its column `stage`.
"""

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.journey.deployment import Deployment
from tests.journey.rows import Rows

_TABLE = "CREATE TABLE judged_moves (session_id text NOT NULL)"
_POSTGRES = """
    CREATE FUNCTION judge_move() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO judged_moves VALUES (NEW.id); RETURN NULL; END $$;
    CREATE TRIGGER judge_move AFTER INSERT OR UPDATE ON sessions FOR EACH ROW
    WHEN (NEW.stage IN ('done', 'dead')) EXECUTE FUNCTION judge_move()"""
_SQLITE_INSERT = """
    CREATE TRIGGER judge_insert AFTER INSERT ON sessions WHEN NEW.stage IN ('done', 'dead')
    BEGIN INSERT INTO judged_moves VALUES (NEW.id); END"""
_SQLITE_UPDATE = """
    CREATE TRIGGER judge_update AFTER UPDATE ON sessions WHEN NEW.stage IN ('done', 'dead')
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
