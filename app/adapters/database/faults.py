"""Which errors of the database mean that it is not there, or was not migrated: at this border they become ours.

All others are defects of ours and pass unchanged. No text of the driver goes further than the cause.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import ConfigurationError, SchemaOutdated, StoreUnavailable

_STATE_CLASSES = ("08", "53", "57P", "58")
"""SQLSTATE: connection lost, no resources, shutting down or starting up, system error (PostgreSQL appendix A)."""
_READ_ONLY = "25006"
"""What we reach is a standby, or has become read-only."""
_STATES = frozenset(
    {
        "25P03",  # idle in a transaction: this process was frozen there
        _READ_ONLY,
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
        sqlite3.SQLITE_PROTOCOL,
    }
)
_FULL = "53100"
"""SQLSTATE: disk full."""
_SQLITE_ONLY_READS = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY})
_SCHEMA_STATES = frozenset({"42P01", "42703"})
"""SQLSTATE: undefined table, undefined column."""
_SCHEMA_TEXT = re.compile(r"no such (table|column): |table \S+ has no column named ")
"""SQLite has no code of its own for these."""
_PRIMARY_CODE = 0xFF  # the lower byte of an extended result code of SQLite


@contextmanager
def faults_as_ours() -> Iterator[None]:
    """Raise StoreUnavailable where the database cannot be reached, or does not answer in time; or SchemaOutdated."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable("no connection became free in time") from error
    except DBAPIError as error:
        if _stores_nothing(error):
            raise _only_reads() from error
        if _is_outage(error):
            raise StoreUnavailable("the database cannot be reached, or did not answer in time") from error
        if _is_outdated(error):
            raise SchemaOutdated(
                "the database is not at this version's revision; `vestibule migrate` brings it there"
            ) from error
        raise


@contextmanager
def missing_privileges_told() -> Iterator[None]:
    """Raise ConfigurationError where PostgreSQL refuses a privilege to the role of the URL: for who set it up."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            told = error.orig.diag.message_primary  # names a schema or a table, and nothing that is kept in it
            raise ConfigurationError((f"VESTIBULE_DATABASE_URL: its role lacks a privilege: {told}",)) from None
        raise


def is_of_a_standby(error: BaseException | None) -> bool:
    """Tell whether a write failed because this connection only reads: the primary is to be looked for anew."""
    return isinstance(error, psycopg.Error) and error.sqlstate == _READ_ONLY


def _only_reads() -> StoreUnavailable:
    error = StoreUnavailable("the database answers, and stores nothing: its disk is full, or its file read-only")
    error.only_reads = True
    return error


def _stores_nothing(error: DBAPIError) -> bool:
    """Tell whether only writes fail. Not so of a standby, whose connections are given up: the primary is looked for."""
    if error.connection_invalidated:
        return False  # whatever it was, the server has ended
    match error.orig:
        case psycopg.Error(sqlstate=state):
            return state == _FULL
        case sqlite3.Error() as cause:
            return _primary_code(cause) in _SQLITE_ONLY_READS
        case _:
            return False


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


def _is_outage(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    match error.orig:
        case psycopg.OperationalError(sqlstate=None):
            return True  # the connection could not be made, or broke without a last word
        case psycopg.Error(sqlstate=str() as state):
            return state in _STATES or state.startswith(_STATE_CLASSES)
        case sqlite3.Error() as cause:
            return _primary_code(cause) in _SQLITE_CODES
        case _:
            return False


def _is_outdated(error: DBAPIError) -> bool:
    match error.orig:
        case psycopg.Error(sqlstate=state):
            return state in _SCHEMA_STATES
        case sqlite3.OperationalError() as cause:
            return _SCHEMA_TEXT.match(str(cause)) is not None
        case _:
            return False
