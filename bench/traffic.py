"""What a participant asks of the database and of the broker: log written, transactions, updates in place, commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, LiteralString
from urllib.parse import urlsplit

import redis

from bench.figures import Figure
from bench.installation import Installation

_QUERIES: Final[Mapping[str, LiteralString]] = {
    "rows": "SELECT count(*)::float8 FROM sessions",
    "log": "SELECT (pg_current_wal_lsn() - '0/0')::float8",
    "transactions": "SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = current_database()",
    "updates": "SELECT n_tup_upd::float8 FROM pg_stat_user_tables WHERE relname = 'sessions'",
    "updates in place": "SELECT n_tup_hot_upd::float8 FROM pg_stat_user_tables WHERE relname = 'sessions'",
}


@dataclass(frozen=True, slots=True)
class Traffic:
    """The counters at one moment, by name."""

    counts: Mapping[str, float]

    @classmethod
    def read(cls, installation: Installation) -> "Traffic":
        """Read them; those of PostgreSQL lag by a second."""
        counts = {name: float(installation.query(statement)) for name, statement in _QUERIES.items()}
        address = urlsplit(installation.environment["VESTIBULE_BROKER_URL"])
        with redis.Redis(host=address.hostname or "", port=address.port or 0) as client:
            told = client.info("stats")
        return cls({**counts, "commands": float(told["total_commands_processed"])})

    def figures_since(self, before: "Traffic") -> list[Figure]:
        """Return what one participant caused since `before`."""
        since = {name: count - before.counts[name] for name, count in self.counts.items()}
        rows = max(since["rows"], 1.0)
        return [
            Figure("log written by PostgreSQL, per participant", since["log"] / rows, "bytes"),
            Figure("transactions, per participant", since["transactions"] / rows, "1"),
            Figure("updates that touch no index", 100 * since["updates in place"] / max(since["updates"], 1.0), "%"),
            Figure("Redis commands, per participant", since["commands"] / rows, "1"),
        ]
