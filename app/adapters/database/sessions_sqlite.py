"""The statements on sessions as SQLite runs them: one writer at a time, so that reading before writing races nobody.

Every function but `load` must be called inside BEGIN IMMEDIATE. Times are microseconds, lists of ids travel as JSON.
"""

# ruff: noqa: S608 - what is put together here are names of columns, all of ours; values are bound

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from app.adapters.database.session_rows import (
    ATTEMPT_COLUMNS,
    CLAIMED_COLUMNS,
    MOVE_COLUMNS,
    NEW_COLUMNS,
    STORED_COLUMNS,
    STORED_EXPRESSIONS,
    Row,
)
from app.adapters.database.types import from_micros, to_micros
from app.domain.session import MAX_CRASHES_IN_COMPANY, Priority
from app.ports import Claim

_TIMES = frozenset(
    {"received_at", "deadline_at", "expires_at", "due_at", "settled_at", "started_at", "bearer_expires_at"}
)


def _insert_into(table: str, columns: Mapping[str, str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_INSERT = _insert_into("sessions", NEW_COLUMNS) + " ON CONFLICT (id) DO NOTHING"
_INSERT_ATTEMPTS = f"""
    INSERT INTO attempts ({", ".join(ATTEMPT_COLUMNS)})
    SELECT {", ".join(f"?{place}" for place in range(1, len(ATTEMPT_COLUMNS) + 1))}
    WHERE EXISTS (SELECT 1 FROM sessions WHERE id = ?1)
    ON CONFLICT (session_id, started_at) DO NOTHING"""

_CLAIM_REPEAT = """
    INSERT INTO repeats (digest, session_id, session_expires_at, made_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (digest) DO UPDATE
    SET session_id = excluded.session_id, session_expires_at = excluded.session_expires_at, made_at = excluded.made_at
    WHERE made_at <= ? OR session_expires_at <= ?
    RETURNING digest"""
_FIND_REPEATS = """
    SELECT digest, session_id, session_expires_at FROM repeats WHERE digest IN (SELECT value FROM json_each(?))"""

CRASHES = "crash_count + (lease_token IS NOT NULL)"
"""What the count will be with this claim: a lease that is still there ran out, so its process died."""
FREE = "stage = :stage AND due_at <= :now AND (lease_until IS NULL OR lease_until < :now)"
TAKE = f"""
    UPDATE sessions
    SET lease_until = :lease_until, lease_token = :lease_token, attempts = attempts + 1, crash_count = {CRASHES}
    WHERE id IN (%s)
    RETURNING {", ".join(CLAIMED_COLUMNS)}"""
# One scan per priority, as on PostgreSQL: rows of it that are due later are never looked at.
_DUE_OF_CLASS = f"""
    SELECT id, priority, due_at FROM (
        SELECT id, priority, due_at FROM sessions
        WHERE priority = %s AND {FREE} AND {CRASHES} < {MAX_CRASHES_IN_COMPANY} ORDER BY due_at LIMIT :limit)"""
_CLAIM = (
    TAKE
    % f"""SELECT id FROM ({" UNION ALL ".join(_DUE_OF_CLASS % priority.value for priority in Priority)})
    ORDER BY priority, due_at LIMIT :limit"""
)
_CLAIM_ALONE = (
    TAKE
    % f"""SELECT id FROM sessions
    WHERE {FREE} AND crash_count > 0 AND {CRASHES} >= {MAX_CRASHES_IN_COMPANY} ORDER BY due_at LIMIT 1"""
)

_HELD = """
    SELECT sessions.id FROM sessions JOIN json_each(?) AS l ON sessions.id = l.key AND lease_token = l.value"""
_FINISH = """
    UPDATE sessions SET
        attempts = CASE
            WHEN stage <> :stage THEN 0
            WHEN :parked_on IS NULL AND :error_class IS NULL THEN attempts - 1  -- put off: no look at it, no call
            ELSE attempts END,
        crash_count = 0,
        verified_at = CASE WHEN stage = 'verify' AND :stage <> 'verify' THEN :now ELSE verified_at END,
        settled_at = CASE WHEN :stage IN ('done', 'dead') THEN :now END,
        stage = :stage, due_at = :due_at, priority = :priority, parked_on = :parked_on,
        error_class = :error_class, lease_until = NULL, lease_token = NULL,
        token = CASE WHEN :stage = 'verify' THEN token END,
        prefill_request = CASE WHEN :stage IN ('fetch', 'dead') THEN coalesce(:request, prefill_request) END,
        bearer_expires_at = coalesce(:bearer_expires_at, bearer_expires_at),
        result = coalesce(:result, result),
        token_status = coalesce(:token_status, token_status),
        token_reason = CASE WHEN :token_status IS NULL THEN token_reason ELSE :token_reason END,
        participation_reason =
            CASE WHEN :token_status IS NULL THEN participation_reason ELSE :participation_reason END,
        participant_digest = coalesce(:participant_digest, participant_digest),
        key_thumbprint = coalesce(:key_thumbprint, key_thumbprint),
        keyset_version = coalesce(:keyset_version, keyset_version)
    WHERE id = :id AND lease_token = :lease_token"""
_RENEW = f"UPDATE sessions SET lease_until = ? WHERE id IN ({_HELD}) RETURNING id"
_RELEASE = f"""
    UPDATE sessions SET lease_until = NULL, lease_token = NULL, attempts = max(attempts - 1, 0),
        due_at = max(due_at, coalesce(?, due_at))
    WHERE id IN ({_HELD})"""

_MARK_READ = "UPDATE sessions SET read_at = ? WHERE id = ? AND read_at IS NULL"

_LOAD = f"SELECT {', '.join(STORED_EXPRESSIONS)} FROM sessions WHERE id IN (SELECT value FROM json_each(?))"
_LOAD_SETTLED = f"{_LOAD} AND stage IN ('done', 'dead')"


def insert(connection: Connection, rows: Sequence[Row]) -> None:
    """Insert rows of NEW_COLUMNS; one that stands already, since its caller saw a time-out, is left as it is."""
    connection.exec_driver_sql(_INSERT, _spelled(tuple(NEW_COLUMNS), rows))


def insert_attempts(connection: Connection, rows: Sequence[Row]) -> None:
    """Insert rows of ATTEMPT_COLUMNS whose session is there still; one that stands already is left as it is."""
    connection.exec_driver_sql(_INSERT_ATTEMPTS, _spelled(tuple(ATTEMPT_COLUMNS), rows))


def claim_repeats(connection: Connection, rows: Sequence[Row], now: datetime, forgotten_at: datetime) -> set[str]:
    """Remember rows of (digest, session id, its end) unless known since `forgotten_at`; return the new digests.

    A session that has ended by `now` is known no more.
    """
    new: set[str] = set()
    for digest, session_id, expires_at in rows:
        ended_at = made_at = to_micros(now)
        parameters = (digest, session_id, to_micros(expires_at), made_at, to_micros(forgotten_at), ended_at)
        new.update(connection.exec_driver_sql(_CLAIM_REPEAT, parameters).scalars())
    return new


def find_repeats(connection: Connection, digests: Sequence[str]) -> Sequence[Row]:
    """Return rows of (digest, session id, its end)."""
    found = connection.exec_driver_sql(_FIND_REPEATS, (json.dumps(list(digests)),))
    return [(digest, session_id, from_micros(expires_at)) for digest, session_id, expires_at in found]


def claim(connection: Connection, claim: Claim, lease_token: str) -> Sequence[Row]:
    """Lease due rows and return them, of CLAIMED_COLUMNS, in no order."""
    parameters = {
        "stage": claim.stage.value,
        "limit": claim.limit,
        "now": to_micros(claim.now),
        "lease_until": to_micros(claim.lease_until),
        "lease_token": lease_token,
    }
    found = connection.exec_driver_sql(_CLAIM_ALONE if claim.alone else _CLAIM, parameters)
    return read_rows(CLAIMED_COLUMNS, found.all())


def finish(connection: Connection, rows: Sequence[Row], now: datetime) -> frozenset[str]:
    """Apply rows of MOVE_COLUMNS whose lease holds; return their ids."""
    held = frozenset(connection.exec_driver_sql(_HELD, (_as_json([row[:2] for row in rows]),)).scalars())
    moves = [
        {**dict(zip(MOVE_COLUMNS, row, strict=True)), "now": to_micros(now)}
        for row in _spelled(tuple(MOVE_COLUMNS), rows)
        if row[0] in held
    ]
    if moves:
        connection.exec_driver_sql(_FINISH, moves)
    return held


def renew(connection: Connection, leases: Sequence[Row], lease_until: datetime) -> frozenset[str]:
    """Prolong leases, given as (id, lease token); return the ids of those that held."""
    return frozenset(connection.exec_driver_sql(_RENEW, (to_micros(lease_until), _as_json(leases))).scalars())


def release(connection: Connection, leases: Sequence[Row], not_before: datetime | None) -> None:
    """Undo claims, given as (id, lease token); they are due as they were, or later."""
    connection.exec_driver_sql(_RELEASE, (not_before and to_micros(not_before), _as_json(leases)))


def mark_read(connection: Connection, reads: Sequence[Row]) -> frozenset[str]:
    """Note reads, given as (id, moment), of those sessions that have none; none is locked here."""
    connection.exec_driver_sql(_MARK_READ, [(to_micros(moment), id_) for id_, moment in reads])
    return frozenset()


def load(connection: Connection, ids: Sequence[str], *, settled: bool) -> Sequence[Row]:
    """Return the rows of STORED_COLUMNS that exist, or only those that are settled."""
    found = connection.exec_driver_sql(_LOAD_SETTLED if settled else _LOAD, (json.dumps(list(ids)),))
    return read_rows(STORED_COLUMNS, found.all())


def _as_json(leases: Sequence[Row]) -> str:
    return json.dumps(dict(leases))


def _spelled(columns: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    times = [position for position, name in enumerate(columns) if name in _TIMES]
    spelled = []
    for row in rows:
        values = list(row)
        for position in times:
            values[position] = None if row[position] is None else to_micros(row[position])
        spelled.append(tuple(values))
    return spelled


def read_rows(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Row]:
    """Return `rows` of `columns` with aware times."""
    times = [position for position, name in enumerate(columns) if name in _TIMES]
    read = []
    for row in rows:
        values = list(row)
        for position in times:
            moment = values[position]
            values[position] = from_micros(moment) if isinstance(moment, int) else None
        read.append(tuple(values))
    return read
