"""The statements of the stage `fetch` as SQLite runs them; `look` and `take` inside BEGIN IMMEDIATE."""

# ruff: noqa: S608 - what is put together here are names of columns, all of ours; values are bound

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.adapters.database.fetch_heads import QueueHead, SeenHead
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
_IS_OVER = f"expires_at <= :now AND priority <> {Priority.REPLAY.value}"
_LOOK = f"""
    SELECT id, lease_until >= :now, coalesce(lease_until < :now, 1) AND {CRASHES} < {MAX_CRASHES_IN_COMPANY},
        {_IS_OVER}
    FROM sessions INDEXED BY ix_sessions_fetch
    WHERE stage = 'fetch' AND partner_id = :partner AND priority = :priority AND due_at > :after AND due_at <= :upto
    ORDER BY due_at LIMIT :limit"""
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


def list_suspects(connection: Connection, now: datetime) -> Sequence[Row]:
    """Return (id, partner, priority, expired) of the due rows that have killed two processes, oldest first."""
    found = connection.exec_driver_sql(_LIST_SUSPECTS, {"stage": Stage.FETCH.value, "now": to_micros(now)})
    return [tuple(row) for row in found]


def look(connection: Connection, heads: Sequence[QueueHead], now: datetime) -> Sequence[SeenHead]:
    """Return what stands at each head."""
    return [_look(connection, head, to_micros(now)) for head in heads]


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


def _look(connection: Connection, head: QueueHead, now: int) -> SeenHead:
    upto = min(to_micros(head.upto), now)
    rows: list[Any] = []
    for after, until, limit in ((-1, upto, head.claimed), (upto, now, head.free)):
        parameters = {"now": now, "partner": head.partner_id, "priority": head.priority}
        rows += connection.exec_driver_sql(_LOOK, {**parameters, "after": after, "upto": until, "limit": limit})
    due = [id_ for id_, _, is_free, is_over in rows if is_free and not is_over]
    over = [id_ for id_, _, is_free, is_over in rows if is_free and is_over]
    in_flight = sum(bool(is_held) for _, is_held, _, _ in rows)
    return SeenHead(head, in_flight, due[: head.free], over[: head.free])
