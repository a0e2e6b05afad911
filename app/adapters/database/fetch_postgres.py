"""The statements of the stage `fetch` as PostgreSQL runs them."""

# ruff: noqa: S608 - what is put together here are names of columns, all of ours; values are bound

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection

from app.adapters.database.fetch_heads import BEHIND_AT_MOST, QueueHead, SeenHead
from app.adapters.database.session_rows import Row
from app.adapters.database.sessions_postgres import CRASHES, FREE, TAKE
from app.domain.session import MAX_CRASHES_IN_COMPANY, Priority
from app.fetch_ports import FetchClaim

_CLASSES = ", ".join(f"({priority.value}::smallint)" for priority in Priority)
# PostgreSQL 15 does not skip through an index by itself: one step per partner, however many rows each has.
_PARTNERS = """
    WITH RECURSIVE partner (id) AS (
        SELECT min(partner_id) FROM sessions WHERE stage = 'fetch' AND due_at IS NOT NULL
        UNION ALL
        SELECT (
            SELECT min(s.partner_id) FROM sessions s
            WHERE s.stage = 'fetch' AND s.due_at IS NOT NULL AND s.partner_id > partner.id
        ) FROM partner WHERE partner.id IS NOT NULL
    )"""
_LIST_DUE = f"""{_PARTNERS}
    SELECT partner.id FROM partner
    WHERE EXISTS (
        SELECT 1 FROM (VALUES {_CLASSES}) AS class (priority)
        CROSS JOIN LATERAL (
            SELECT 1 FROM sessions s
            WHERE s.stage = 'fetch' AND s.partner_id = partner.id AND s.priority = class.priority
            AND s.due_at <= %(now)b
            ORDER BY s.due_at LIMIT 1
        ) AS found
    ) ORDER BY partner.id"""

_IS_OVER = f"""(coalesce(s.bearer_expires_at <= %(now)b, false) OR (s.expires_at <= %(now)b AND (
            s.priority <> {Priority.REPLAY.value} OR s.expires_at <= %(kept_since)b
            OR NOT EXISTS (SELECT FROM replays r WHERE r.id = s.replay_id AND r.force))))"""
_IS_GONE = f"(s.priority = {Priority.FRESH.value} AND s.deadline_at <= %(now)b)"
_ROW = f"""
    SELECT s.id, s.due_at, s.lease_until >= %(now)b AS is_held,
        coalesce(s.lease_until < %(now)b, true) AND {CRASHES} < {MAX_CRASHES_IN_COMPANY} AS is_free,
        {_IS_OVER} AS is_over, {_IS_GONE} AS is_gone,
        s.attempts > 0 AND s.priority <> {Priority.FRESH.value} AS was_called
    FROM sessions s
    WHERE s.stage = 'fetch' AND s.partner_id = head.partner_id AND s.priority = head.priority"""
_LOOK = f"""
    SELECT head.number, found.in_flight, found.due[1:head.free], found.over[1:head.free],
        found.gone[1:head.free], found.retries[1:head.free]
    FROM unnest(%(partner_id)b::text[], %(priority)b::smallint[], %(upto)b::timestamptz[],
        %(claimed)b::integer[], %(free)b::integer[])
        WITH ORDINALITY AS head (partner_id, priority, upto, claimed, free, number)
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE is_held) AS in_flight,
            array_agg(id ORDER BY due_at) FILTER (WHERE is_free AND NOT is_over AND NOT is_gone) AS due,
            array_agg(id ORDER BY due_at) FILTER (WHERE is_free AND is_over) AS over,
            array_agg(id ORDER BY due_at) FILTER (WHERE is_free AND NOT is_over AND is_gone) AS gone,
            array_agg(id ORDER BY due_at) FILTER (WHERE is_free AND NOT is_over AND was_called) AS retries
        FROM (
            ({_ROW} AND s.due_at <= least(head.upto, %(now)b) ORDER BY s.due_at LIMIT head.claimed)
            UNION ALL
            ({_ROW} AND s.due_at > head.upto AND s.due_at <= %(now)b ORDER BY s.due_at LIMIT head.free)
        ) AS row
    ) AS found"""
_SET_BEHIND = f"""
    WITH gone AS (
        SELECT s.id FROM sessions s
        WHERE s.id = ANY(ARRAY(
            SELECT first.id FROM unnest(%(partner_ids)b::text[]) AS partner (id)
            CROSS JOIN LATERAL (
                SELECT s.id FROM sessions s
                WHERE s.stage = 'fetch' AND s.partner_id = partner.id AND s.priority = {Priority.FRESH.value} AND {FREE}
                ORDER BY s.due_at LIMIT {BEHIND_AT_MOST}
            ) AS first
        ))
        AND s.stage = 'fetch' AND {FREE} AND {_IS_GONE}
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE sessions s SET priority = {Priority.RETRY.value}, due_at = %(now)b FROM gone WHERE s.id = gone.id"""
_LIST_SUSPECTS = f"""
    SELECT s.id, s.partner_id, s.priority, {_IS_OVER} FROM sessions s
    WHERE s.stage = 'fetch' AND {FREE} AND s.crash_count > 0 AND {CRASHES} >= {MAX_CRASHES_IN_COMPANY}
    ORDER BY s.due_at"""
_LIST_WAITING = f"{_PARTNERS} SELECT partner.id FROM partner WHERE partner.id IS NOT NULL"
_COUNT = f"""
    SELECT class.priority, counted.in_flight, counted.due, counted.later
    FROM (VALUES {_CLASSES}) AS class (priority)
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE lease_until >= %(now)b) AS in_flight,
            count(*) FILTER (WHERE due_at <= %(now)b AND coalesce(lease_until < %(now)b, true)) AS due,
            count(*) FILTER (WHERE due_at > %(now)b) AS later
        FROM (
            SELECT s.lease_until, s.due_at FROM sessions s
            WHERE s.stage = 'fetch' AND s.due_at IS NOT NULL
            AND s.partner_id = %(partner)b AND s.priority = class.priority
            ORDER BY s.due_at LIMIT %(limit)b
        ) AS row
    ) AS counted"""
_TAKE = f"""
    WITH due AS (
        SELECT s.id FROM sessions s WHERE s.id = ANY(%(ids)b) AND s.stage = 'fetch' AND {FREE}
        FOR NO KEY UPDATE SKIP LOCKED
    ) {TAKE}"""


def list_due(connection: Connection, now: datetime) -> Sequence[str]:
    """Return the ids of the partners that have due rows."""
    return connection.exec_driver_sql(_LIST_DUE, {"now": now}).scalars().all()


def list_suspects(connection: Connection, now: datetime, kept_since: datetime) -> Sequence[Row]:
    """Return (id, partner, priority, over) of the due rows that have killed two processes, oldest first."""
    found = connection.exec_driver_sql(_LIST_SUSPECTS, {"now": now, "kept_since": kept_since})
    return [tuple(row) for row in found]


def look(connection: Connection, heads: Sequence[QueueHead], now: datetime, kept_since: datetime) -> Sequence[SeenHead]:
    """Return what stands at each head."""
    parameters: dict[str, object] = {
        name: [getattr(head, name) for head in heads] for name in ("partner_id", "priority", "upto", "claimed", "free")
    }
    found = connection.exec_driver_sql(_LOOK, {**parameters, "now": now, "kept_since": kept_since})
    return [
        SeenHead(heads[number - 1], in_flight, *(ids or () for ids in kinds)) for number, in_flight, *kinds in found
    ]


def set_behind(connection: Connection, partner_ids: Collection[str], now: datetime) -> None:
    """Make retries of fresh rows whose participants wait no longer, the oldest of each partner first."""
    connection.exec_driver_sql(_SET_BEHIND, {"partner_ids": sorted(partner_ids), "now": now})


def take(connection: Connection, ids: Sequence[str], claim: FetchClaim, lease_token: str) -> Sequence[Row]:
    """Lease those of `ids` that are still free and return them, of CLAIMED_COLUMNS, in no order."""
    parameters = {
        "ids": list(ids),
        "now": claim.now,
        "lease_until": claim.lease_until,
        "lease_token": lease_token,
    }
    return [tuple(row) for row in connection.exec_driver_sql(_TAKE, parameters)]


def list_waiting(connection: Connection) -> Sequence[str]:
    """Return the ids of the partners that have rows, due or not."""
    return connection.exec_driver_sql(_LIST_WAITING).scalars().all()


def count_waiting(connection: Connection, partner_id: str, limit: int, now: datetime) -> Sequence[Row]:
    """Return (priority, in flight, due, due later) of a partner's first `limit` rows of each class."""
    found = connection.exec_driver_sql(_COUNT, {"partner": partner_id, "limit": limit, "now": now})
    return [tuple(row) for row in found]
