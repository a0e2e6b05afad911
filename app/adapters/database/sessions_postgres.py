"""The statements on sessions as PostgreSQL runs them: one per batch, its rows as arrays (`unnest`), sent in binary.

Measured per row against one statement each: a third of the client's time, a fifth of the server's. Whoever updates
several rows here either holds their leases or skips what is locked, so that no two statements wait for each other
in a circle.
"""

# ruff: noqa: S608 - what is put together here are names of columns, all of ours; values are bound

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from app.adapters.database.array_columns import array_of, arrays_of
from app.adapters.database.directly import rows_of, run_directly
from app.adapters.database.news_payloads import CHANNEL, payloads_of
from app.adapters.database.session_rows import (
    ATTEMPT_COLUMNS,
    CLAIMED_COLUMNS,
    MOVE_COLUMNS,
    NEW_COLUMNS,
    STORED_EXPRESSIONS,
    Row,
)
from app.domain.session import MAX_CRASHES_IN_COMPANY, Priority
from app.ports import Claim


def _arrays(columns: Mapping[str, str]) -> str:
    return "unnest(" + ", ".join(f"%({name})b::{type_}[]" for name, type_ in columns.items()) + ")"


_INSERT = f"INSERT INTO sessions ({', '.join(NEW_COLUMNS)}) SELECT * FROM {_arrays(NEW_COLUMNS)}"
_INSERT_ONCE = f"{_INSERT} ON CONFLICT (id) DO NOTHING"
# Their sessions cannot be deleted before this transaction ends: whoever deletes one finds its attempt too.
_INSERT_ATTEMPTS = f"""
    INSERT INTO attempts ({", ".join(ATTEMPT_COLUMNS)})
    SELECT a.* FROM {_arrays(ATTEMPT_COLUMNS)} AS a ({", ".join(ATTEMPT_COLUMNS)})
    JOIN sessions s ON s.id = a.session_id FOR KEY SHARE OF s
    ON CONFLICT (session_id, started_at) DO NOTHING"""

_REPEAT_COLUMNS = {
    "digest": "text",
    "session_id": "text",
    "session_expires_at": "timestamptz",
}
# In the order of the digests, so that two batches with the same repeats wait for each other and not in a circle.
_CLAIM_REPEATS = f"""
    INSERT INTO repeats (digest, session_id, session_expires_at, made_at)
    SELECT *, %(now)b::timestamptz FROM {_arrays(_REPEAT_COLUMNS)} ORDER BY 1
    ON CONFLICT (digest) DO UPDATE
    SET session_id = excluded.session_id, session_expires_at = excluded.session_expires_at, made_at = excluded.made_at
    WHERE repeats.made_at <= %(forgotten_at)b OR repeats.session_expires_at <= %(now)b
    RETURNING digest"""
_FIND_REPEATS = "SELECT digest, session_id, session_expires_at FROM repeats WHERE digest = ANY(%(digests)b)"

CRASHES = "s.crash_count + (s.lease_token IS NOT NULL)::integer"
"""What the count will be with this claim: a lease that is still there ran out, so its process died."""
FREE = "s.due_at <= %(now)b AND (s.lease_until IS NULL OR s.lease_until < %(now)b)"
TAKE = f"""
    UPDATE sessions s
    SET lease_until = %(lease_until)b, lease_token = %(lease_token)b, attempts = s.attempts + 1,
        crash_count = {CRASHES}
    FROM due WHERE s.id = due.id
    RETURNING {", ".join(f"s.{name}" for name in CLAIMED_COLUMNS)}"""
# Nobody waits for the disk: where a crash of the server undoes a claim, nobody can save under its lease, which is gone.
# It holds for the whole transaction, so a claim is one of its own.
_HURRY = "SELECT set_config('synchronous_commit', 'off', true)"
_CLASSES = ", ".join(f"({priority.value}::smallint)" for priority in Priority)
# One scan per priority, most urgent first: rows of it that are due later are never looked at.
_CLAIM = f"""
    WITH hurry AS MATERIALIZED ({_HURRY}), due AS (
        SELECT found.id
        FROM hurry CROSS JOIN (VALUES {_CLASSES}) AS class (priority)
        CROSS JOIN LATERAL (
            SELECT s.id FROM sessions s
            WHERE s.stage = %(stage)b AND s.priority = class.priority AND {FREE}
            AND {CRASHES} < {MAX_CRASHES_IN_COMPANY}
            ORDER BY s.due_at LIMIT %(limit)b FOR NO KEY UPDATE SKIP LOCKED
        ) AS found
        LIMIT %(limit)b
    ) {TAKE}"""
_CLAIM_ALONE = f"""
    WITH due AS (
        SELECT s.id FROM sessions s
        WHERE s.stage = %(stage)b AND {FREE} AND s.crash_count > 0 AND {CRASHES} >= {MAX_CRASHES_IN_COMPANY}
        ORDER BY s.due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    ) {TAKE}"""

_FINISH = f"""
    UPDATE sessions s SET
        stage = m.stage, due_at = m.due_at, priority = m.priority, parked_on = m.parked_on,
        error_class = m.error_class, lease_until = NULL, lease_token = NULL,
        attempts = CASE
            WHEN s.stage <> m.stage THEN 0
            WHEN m.parked_on IS NULL AND m.error_class IS NULL THEN s.attempts - 1  -- put off: no look at it, no call
            ELSE s.attempts END,
        crash_count = 0,
        token = CASE WHEN m.stage = 'verify' THEN s.token END,
        prefill_request = CASE WHEN m.stage IN ('fetch', 'dead') THEN coalesce(m.request, s.prefill_request) END,
        bearer_expires_at = coalesce(m.bearer_expires_at, s.bearer_expires_at),
        result = coalesce(m.result, s.result),
        token_status = coalesce(m.token_status, s.token_status),
        token_reason = CASE WHEN m.token_status IS NULL THEN s.token_reason ELSE m.token_reason END,
        participation_reason =
            CASE WHEN m.token_status IS NULL THEN s.participation_reason ELSE m.participation_reason END,
        participant_digest = coalesce(m.participant_digest, s.participant_digest),
        key_thumbprint = coalesce(m.key_thumbprint, s.key_thumbprint),
        keyset_version = coalesce(m.keyset_version, s.keyset_version),
        verified_at = CASE WHEN s.stage = 'verify' AND m.stage <> 'verify' THEN %(now)b ELSE s.verified_at END,
        settled_at = CASE WHEN m.stage IN ('done', 'dead') THEN %(now)b::timestamptz END
    FROM {_arrays(MOVE_COLUMNS)} AS m ({", ".join(MOVE_COLUMNS)})
    WHERE s.id = m.id AND s.lease_token = m.lease_token
    RETURNING s.id"""

_LEASE_COLUMNS = {"id": "text", "lease_token": "text"}
_HELD = f"""
    SELECT s.id FROM {_arrays(_LEASE_COLUMNS)} AS l (id, lease_token)
    JOIN sessions s ON s.id = l.id AND s.lease_token = l.lease_token
    FOR NO KEY UPDATE OF s SKIP LOCKED"""
_RENEW = f"UPDATE sessions SET lease_until = %(lease_until)b WHERE id IN ({_HELD}) RETURNING id"
_RELEASE = f"""
    UPDATE sessions SET lease_until = NULL, lease_token = NULL, attempts = greatest(attempts - 1, 0),
        due_at = greatest(due_at, %(not_before)b::timestamptz)
    WHERE id IN ({_HELD})"""

# By its place, since a row that is locked stays there: that spares looking for it twice. One that was just moved by
# somebody else is passed over.
_READ_COLUMNS = {"id": "text", "read_at": "timestamptz"}
_MARK_READ = f"""
    WITH unread AS (
        SELECT s.ctid AS place, m.read_at FROM {_arrays(_READ_COLUMNS)} AS m ({", ".join(_READ_COLUMNS)})
        JOIN sessions s ON s.id = m.id WHERE s.read_at IS NULL FOR NO KEY UPDATE OF s SKIP LOCKED
    )
    UPDATE sessions s SET read_at = unread.read_at FROM unread WHERE s.ctid = unread.place"""
_UNREAD = "SELECT id FROM sessions WHERE id = ANY(%(ids)b) AND read_at IS NULL"
# Apart from the statement that settles: PostgreSQL lets one transaction at a time commit what it tells.
_TELL = f"""
    WITH hurry AS MATERIALIZED ({_HURRY})
    SELECT pg_notify(%(channel)b, payload) FROM hurry CROSS JOIN unnest(%(payloads)b::text[]) AS payload"""

_LOAD = f"SELECT {', '.join(STORED_EXPRESSIONS)} FROM sessions WHERE id = ANY(%(ids)b)"
_LOAD_SETTLED = f"{_LOAD} AND stage IN ('done', 'dead')"


Statement = tuple[str, Mapping[str, object]]
"""A statement and its parameters, as `run_directly` takes them, and `Lines` on an event loop."""


def to_insert(rows: Sequence[Row]) -> Statement:
    """Return what inserts rows of NEW_COLUMNS; it is refused where one of them stands already."""
    return _INSERT, arrays_of(NEW_COLUMNS, rows)


def to_load(ids: Sequence[str], *, settled: bool) -> Statement:
    """Return what selects the rows of STORED_COLUMNS that exist, or only those that are settled."""
    return _LOAD_SETTLED if settled else _LOAD, {"ids": array_of("text", ids)}


def to_mark_read(reads: Sequence[Row]) -> Statement:
    """Return what notes reads, given as (id, moment), where none is noted; it passes over what is locked."""
    return _MARK_READ, arrays_of(_READ_COLUMNS, reads)


def to_find_unread(ids: Sequence[str]) -> Statement:
    """Return what selects the ids of those sessions of which no read is noted."""
    return _UNREAD, {"ids": array_of("text", ids)}


def insert(connection: Connection, rows: Sequence[Row]) -> None:
    """Insert rows of NEW_COLUMNS; one that stands already, since its caller saw a time-out, is left as it is."""
    run_directly(connection, _INSERT_ONCE, arrays_of(NEW_COLUMNS, rows))


def insert_attempts(connection: Connection, rows: Sequence[Row]) -> None:
    """Insert rows of ATTEMPT_COLUMNS whose session is there still; one that stands already is left as it is."""
    connection.exec_driver_sql(_INSERT_ATTEMPTS, arrays_of(ATTEMPT_COLUMNS, rows))


def claim_repeats(connection: Connection, rows: Sequence[Row], now: datetime, forgotten_at: datetime) -> set[str]:
    """Remember rows of (digest, session id, its end) unless known since `forgotten_at`; return the new digests.

    A session that has ended by `now` is known no more.
    """
    parameters = {**arrays_of(_REPEAT_COLUMNS, rows), "now": now, "forgotten_at": forgotten_at}
    return set(connection.exec_driver_sql(_CLAIM_REPEATS, parameters).scalars())


def find_repeats(connection: Connection, digests: Sequence[str]) -> Sequence[Row]:
    """Return rows of (digest, session id, its end)."""
    return [tuple(row) for row in connection.exec_driver_sql(_FIND_REPEATS, {"digests": array_of("text", digests)})]


def claim(connection: Connection, claim: Claim, lease_token: str) -> Sequence[Row]:
    """Lease due rows and return them, of CLAIMED_COLUMNS, in no order."""
    parameters = {
        "stage": claim.stage.value,
        "limit": claim.limit,
        "now": claim.now,
        "lease_until": claim.lease_until,
        "lease_token": lease_token,
    }
    return rows_of(connection, _CLAIM_ALONE if claim.alone else _CLAIM, parameters)


def finish(connection: Connection, rows: Sequence[Row], now: datetime) -> frozenset[str]:
    """Apply rows of MOVE_COLUMNS whose lease holds; return their ids."""
    moved = rows_of(connection, _FINISH, {**arrays_of(MOVE_COLUMNS, rows), "now": now})
    return frozenset(id_ for (id_,) in moved)


def renew(connection: Connection, leases: Sequence[Row], lease_until: datetime) -> frozenset[str]:
    """Prolong leases, given as (id, lease token), and return their ids; one just being finished is passed over."""
    renewed = connection.exec_driver_sql(_RENEW, {**arrays_of(_LEASE_COLUMNS, leases), "lease_until": lease_until})
    return frozenset(renewed.scalars())


def release(connection: Connection, leases: Sequence[Row], not_before: datetime | None) -> None:
    """Undo claims, given as (id, lease token); they are due as they were, or later."""
    connection.exec_driver_sql(_RELEASE, {**arrays_of(_LEASE_COLUMNS, leases), "not_before": not_before})


def mark_read(connection: Connection, reads: Sequence[Row]) -> frozenset[str]:
    """Note reads, given as (id, moment), of those sessions that have none; return the ids of those passed over."""
    if run_directly(connection, *to_mark_read(reads)).rowcount == len(reads):
        return frozenset()
    return frozenset(id_ for (id_,) in rows_of(connection, *to_find_unread([id_ for id_, _ in reads])))


def load(connection: Connection, ids: Sequence[str], *, settled: bool) -> Sequence[Row]:
    """Return the rows of STORED_COLUMNS that exist, or only those that are settled."""
    return rows_of(connection, *to_load(ids, settled=settled))


def tell_settled(connection: Connection, ids: Sequence[str]) -> None:
    """Tell who listens that these have settled; nobody waits for the disk for that."""
    run_directly(connection, _TELL, {"channel": CHANNEL, "payloads": payloads_of(ids)})
