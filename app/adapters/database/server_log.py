"""How much of its log PostgreSQL keeps for use once more: beyond that it makes files while commits wait."""

from app.adapters.database.engine import Database

_KEPT = "SELECT setting::bigint * 1048576 FROM pg_settings WHERE name = 'min_wal_size'"


def kept_log_bytes(database: Database) -> int | None:
    """Return the bytes of log whose files are kept (`min_wal_size`); None for SQLite; raise StoreUnavailable."""
    if database.is_sqlite:
        return None
    kept: int = database.read(lambda connection: connection.exec_driver_sql(_KEPT).scalar_one())
    return kept
