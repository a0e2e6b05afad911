"""Which errors of the database mean that it is not there: these become StoreUnavailable at this border.

All others are defects of ours and pass unchanged. No text of the driver goes further than the cause.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import StoreUnavailable

_STATE_CLASSES = ("08", "53", "57P", "58")
"""SQLSTATE: connection lost, no resources, shutting down or starting up, system error (PostgreSQL appendix A)."""
_STATES = frozenset(
    {
        "25P03",  # idle in a transaction: this process was frozen there
        "25006",  # read-only: what we reach has become a standby
        "40001",  # serialization failure
        "40P01",  # deadlock: a lock that could not be had
        "55P03",  # lock_timeout
        "57014",  # statement_timeout
    }
)
_SQLITE_CODES = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_PRIMARY_CODE = 0xFF  # the lower byte of an extended result code of SQLite


@contextmanager
def outage_as_store_unavailable() -> Iterator[None]:
    """Raise StoreUnavailable for what means that the database cannot be reached, or does not answer in time."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable("no connection became free in time") from error
    except DBAPIError as error:
        if _is_outage(error):
            raise StoreUnavailable("the database cannot be reached, or did not answer in time") from error
        raise


def _is_outage(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    match error.orig:
        case psycopg.OperationalError(sqlstate=None):
            return True  # the connection could not be made, or broke without a last word
        case psycopg.Error(sqlstate=str() as state):
            return state in _STATES or state.startswith(_STATE_CLASSES)
        case sqlite3.Error() as cause:
            return getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE in _SQLITE_CODES
        case _:
            return False
