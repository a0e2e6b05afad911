"""The statements of the stage `fetch` as SQLite runs them; `look` and `take` inside BEGIN IMMEDIATE."""

# ruff: noqa: S608 - what is put together here are names of columns, all of ours; values are bound

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.adapters.database.fetch_heads import BEHIND_AT_MOST, QueueHead, SeenHead
from app.adapters.database.session_rows import CLAIMED_COLUMNS, Row
from app.adapters.database.sessions_sqlite import CRASHES, FREE, TAKE, read_rows
from app.adapters.database.types import to_micros
from app.domain.session import MAX_CRASHES_IN_COMPANY, Priority, Stage
from app.fetch_ports import FetchClaim

_CLASSES = ", ".join(str(priority.value) for priority in Priority)
# One step per partner, however many rows each has. The index is named since SQLite, without statistics, chose another.
_PARTNERS = """
    WITH RECURSIVE partner (id) AS (
        SELECT min(partner_id) FROM sessions INDEXED BY ix_sessions_fetch WHERE stage = 'fetch' AND due_at IS NOT NULL
        UNION ALL
        SELECT (
            SELECT min(s.partner_id) FROM sessions s INDEXED BY ix_sessions_fetch
            WHERE s.stage = 'fetch' AND s.due_at IS NOT NULL AND s.partner_id > partner.id
        ) FROM partner WHERE partner.id IS NOT NULL
    )"""
_LIST_DUE = f"""{_PARTNERS}
    SELECT partner.id FROM partner
    WHERE partner.id IS NOT NULL AND EXISTS (
        SELECT 1 FROM sessions s INDEXED BY ix_sessions_fetch
        WHERE s.stage = 'fetch' AND s.partner_id = partner.id AND s.priority IN ({_CLASSES}) AND s.due_at <= ?
    ) ORDER BY partner.id"""
_IS_OVER = f"""(coalesce(bearer_expires_at <= :now, 0) OR (expires_at <= :now AND (
        priority <> {Priority.REPLAY.value} OR expires_at <= :kept_since
        OR NOT EXISTS (SELECT 1 FROM replays r WHERE r.id = sessions.replay_id AND r.force))))"""
_IS_GONE = f"(priority = {Priority.FRESH.value} AND deadline_at <= :now)"
_LOOK = f"""
    SELECT id, lease_until >= :now, coalesce(lease_until < :now, 1) AND {CRASHES} < {MAX_CRASHES_IN_COMPANY},
        {_IS_OVER}, {_IS_GONE}, attempts > 0 AND priority <> {Priority.FRESH.value}
    FROM sessions INDEXED BY ix_sessions_fetch
    WHERE stage = 'fetch' AND partner_id = :partner AND priority = :priority AND due_at > :after AND due_at <= :upto
    ORDER BY due_at LIMIT :limit"""
_SET_BEHIND = f"""
    UPDATE sessions SET priority = {Priority.RETRY.value}, due_at = :now WHERE id IN (
        SELECT id FROM (
            SELECT id, priority, deadline_at FROM sessions INDEXED BY ix_sessions_fetch
            WHERE {FREE} AND partner_id = :partner AND priority = {Priority.FRESH.value}
            AND due_at IS NOT NULL AND stage = 'fetch'
            ORDER BY due_at LIMIT {BEHIND_AT_MOST})
        WHERE {_IS_GONE})"""
_LIST_SUSPECTS = f"""
    SELECT id, partner_id, priority, {_IS_OVER} FROM sessions INDEXED BY ix_sessions_suspects
    WHERE {FREE} AND crash_count > 0 AND {CRASHES} >= {MAX_CRASHES_IN_COMPANY} ORDER BY due_at"""
_LIST_WAITING = f"{_PARTNERS} SELECT partner.id FROM partner WHERE partner.id IS NOT NULL"
_COUNT = """
    SELECT
        count(*) FILTER (WHERE lease_until >= :now),
        count(*) FILTER (WHERE due_at <= :now AND coalesce(lease_until < :now, 1)),
        count(*) FILTER (WHERE due_at > :now)
    FROM (
        SELECT lease_until, due_at FROM sessions INDEXED BY ix_sessions_fetch
        WHERE stage = 'fetch' AND due_at IS NOT NULL AND partner_id = :partner AND priority = :priority
        ORDER BY due_at LIMIT :limit)"""
_TAKE = TAKE % "SELECT value FROM json_each(:ids)"  # free still: there is one writer, and it has just looked


def list_due(connection: Connection, now: datetime) -> Sequence[str]:
    """Return the ids of the partners that have due rows."""
    return connection.exec_driver_sql(_LIST_DUE, (to_micros(now),)).scalars().all()


def list_suspects(connection: Connection, now: datetime, kept_since: datetime) -> Sequence[Row]:
    """Return (id, partner, priority, over) of the due rows that have killed two processes, oldest first."""
    parameters = {"stage": Stage.FETCH.value, "now": to_micros(now), "kept_since": to_micros(kept_since)}
    return [tuple(row) for row in connection.exec_driver_sql(_LIST_SUSPECTS, parameters)]


def look(connection: Connection, heads: Sequence[QueueHead], now: datetime, kept_since: datetime) -> Sequence[SeenHead]:
    """Return what stands at each head."""
    times = {"now": to_micros(now), "kept_since": to_micros(kept_since)}
    return [_look(connection, head, times) for head in heads]


def set_behind(connection: Connection, partner_ids: Collection[str], now: datetime) -> None:
    """Make retries of fresh rows whose participants wait no longer, the oldest of each partner first."""
    for partner_id in partner_ids:
        parameters = {"stage": Stage.FETCH.value, "partner": partner_id, "now": to_micros(now)}
        connection.exec_driver_sql(_SET_BEHIND, parameters)


def take(connection: Connection, ids: Sequence[str], claim: FetchClaim, lease_token: str) -> Sequence[Row]:
    """Lease the rows of `ids` and return them, of CLAIMED_COLUMNS, in no order."""
    parameters = {
        "ids": json.dumps(list(ids)),
        "lease_until": to_micros(claim.lease_until),
        "lease_token": lease_token,
    }
    return read_rows(CLAIMED_COLUMNS, connection.exec_driver_sql(_TAKE, parameters).all())


def list_waiting(connection: Connection) -> Sequence[str]:
    """Return the ids of the partners that have rows, due or not."""
    return connection.exec_driver_sql(_LIST_WAITING).scalars().all()


def count_waiting(connection: Connection, partner_id: str, limit: int, now: datetime) -> Sequence[Row]:
    """Return (priority, in flight, due, due later) of a partner's first `limit` rows of each class."""
    common = {"now": to_micros(now), "partner": partner_id, "limit": limit}
    return [
        (priority.value, *connection.exec_driver_sql(_COUNT, {**common, "priority": priority.value}).one())
        for priority in Priority
    ]


def _look(connection: Connection, head: QueueHead, times: Mapping[str, int]) -> SeenHead:
    upto, now = min(to_micros(head.upto), times["now"]), times["now"]
    rows: list[Any] = []
    for after, until, limit in ((-1, upto, head.claimed), (upto, now, head.free)):
        place = {"partner": head.partner_id, "priority": head.priority, "after": after, "upto": until, "limit": limit}
        rows += connection.exec_driver_sql(_LOOK, {**times, **place})
    free = [(id_, *kind) for id_, _, is_free, *kind in rows if is_free]
    due = [(id_, was_called) for id_, is_over, is_gone, was_called in free if not is_over and not is_gone]
    return SeenHead(
        head,
        in_flight=sum(bool(is_held) for _, is_held, *_ in rows),
        due=[id_ for id_, _ in due][: head.free],
        over=[id_ for id_, is_over, _, _ in free if is_over][: head.free],
        gone=[id_ for id_, is_over, is_gone, _ in free if is_gone and not is_over][: head.free],
        retries=[id_ for id_, was_called in due if was_called][: head.free],
    )
