"""The database of a deployment, read by a test of its own: what is stored, never what the service says of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, bindparam, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from tests.journey.deployment import Deployment

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Rows:
    """Reads; writes nothing."""

    deployment: Deployment

    def stage(self, session_id: str) -> str:
        """Return the stage of a session."""
        ((stage,),) = self.query("SELECT stage FROM sessions WHERE id = :id", id=session_id)
        return str(stage)

    def attempts(self, session_id: str) -> list[tuple[str | None, int | None]]:
        """Return error class and HTTP status of each outside call for a session, in order."""
        found = self.query("SELECT error_class, status FROM attempts WHERE session_id = :id ORDER BY id", id=session_id)
        return [(error_class, status) for error_class, status in found]

    def stages(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the stages of those sessions that exist, by id."""
        found: dict[str, str] = {}
        for chunk in _chunks(ids):
            found.update(dict(self.query("SELECT id, stage FROM sessions WHERE id IN :ids", ids=chunk)))
        return found

    def successes(self, ids: Sequence[str]) -> dict[str, int]:
        """Return how many outside calls succeeded, by session."""
        statement = (
            "SELECT session_id, count(*) FROM attempts"
            " WHERE session_id IN :ids AND error_class IS NULL GROUP BY session_id"
        )
        found: dict[str, int] = {}
        for chunk in _chunks(ids):
            found.update(dict(self.query(statement, ids=chunk)))
        return found

    def leased(self, stage: str) -> int:
        """Return how many sessions of a stage are under a lease."""
        statement = "SELECT count(*) FROM sessions WHERE stage = :stage AND lease_token IS NOT NULL"
        ((count,),) = self.query(statement, stage=stage)
        return int(count)

    def all_values(self) -> Iterator[tuple[str, object]]:
        """Return every value of every row of every table, with the name of its table."""
        engine = create_engine(self.deployment.database_url, poolclass=NullPool)
        for table in inspect(engine).get_table_names():
            for row in self.query(f'SELECT * FROM "{table}"'):  # noqa: S608 the name comes from the database
                for value in row:
                    yield table, value

    def query(self, statement: str, **values: Any) -> list[Any]:
        """Return the rows of one SELECT; a list among `values` is expanded."""
        lists: list[BindParameter[Any]] = [
            bindparam(name, expanding=True) for name, value in values.items() if isinstance(value, list)
        ]
        engine = create_engine(self.deployment.database_url, poolclass=NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement).bindparams(*lists), values)]


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield list(ids[start : start + _CHUNK])
