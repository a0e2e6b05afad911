"""Dead letters as management looks at them: counted, listed, in the order of their index; nothing sealed is opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal_column, null, select, tuple_

from app.adapters.database.engine import Database
from app.adapters.database.schema import AttemptRow, SessionRow
from app.domain.dead_letter import DeadLetter, LetterFilter, LetterGroup, Obstacles
from app.domain.session import Stage
from app.reasons import PrefillReason

# Spelled out and not bound, so that the planner knows the partial index of dead letters.
_IS_DEAD = SessionRow.stage == literal_column(f"'{Stage.DEAD.value}'")
_HAS_REQUEST = SessionRow.prefill_request.is_not(None)
_ATTEMPTS = select(func.count()).where(AttemptRow.session_id == SessionRow.id).correlate(SessionRow).scalar_subquery()


@dataclass(frozen=True, slots=True)
class SqlDeadLetters:
    """Implements `management_ports.DeadLetters`."""

    database: Database

    def count(self, letters: LetterFilter, now: datetime) -> Sequence[LetterGroup]:
        """Count those that match and died until `now`, by partner and by what stands in their way."""
        kinds = (
            SessionRow.partner_id,
            SessionRow.error_class,
            _HAS_REQUEST,
            SessionRow.expires_at <= now,
            func.coalesce(SessionRow.bearer_expires_at <= now, literal_column("false")),
        )
        counted = (
            select(*kinds, func.count())
            .where(_IS_DEAD, SessionRow.settled_at <= now, *matching(letters))
            .group_by(*(literal_column(str(place + 1)) for place in range(len(kinds))))
        )
        rows = self.database.read(lambda connection: connection.execute(counted).all())
        return [
            LetterGroup(partner_id, Obstacles(_class_of(error_class), *map(bool, ways)), letters)
            for partner_id, error_class, *ways, letters in rows
        ]

    def load_page(self, letters: LetterFilter, after: str, limit: int) -> Sequence[DeadLetter]:
        """Return at most `limit` that match, after the place `after` (empty: from the first), in a fixed order."""
        page = letters_after(after, limit).where(*matching(letters))
        return [to_letter(row) for row in self.database.read(lambda connection: connection.execute(page).all())]


def letters_after(place: str, limit: int) -> Select[Any]:
    """Return the query for at most `limit` dead letters behind a place, in the order of their index."""
    partner_id, _, session_id = place.rpartition("/")
    order = (SessionRow.partner_id, SessionRow.id)
    found = select(
        SessionRow.id,
        SessionRow.partner_id,
        SessionRow.campaign_id,
        SessionRow.error_class,
        _ATTEMPTS,
        SessionRow.received_at,
        SessionRow.settled_at,
        SessionRow.expires_at,
        _HAS_REQUEST,
        SessionRow.bearer_expires_at,
    ).where(_IS_DEAD, SessionRow.settled_at.is_not(null()))
    if place:
        found = found.where(tuple_(*order) > tuple_(partner_id, session_id))
    return found.order_by(*order).limit(limit)


def to_letter(row: Sequence[Any]) -> DeadLetter:
    """Return the dead letter that a row of `letters_after` holds."""
    id_, partner_id, campaign_id, error_class, attempts, received_at, died_at, expires_at, has_request, ends_at = row
    return DeadLetter(
        id_,
        partner_id,
        campaign_id,
        _class_of(error_class),
        attempts,
        received_at,
        died_at,
        expires_at,
        bool(has_request),
        ends_at,
    )


def matching(letters: LetterFilter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a filter."""
    if letters.partner_id is not None:
        yield SessionRow.partner_id == letters.partner_id
    if letters.campaign_id is not None:
        yield SessionRow.campaign_id == letters.campaign_id
    if letters.error_class is not None:
        yield SessionRow.error_class == letters.error_class
    if letters.since is not None:
        yield SessionRow.settled_at >= letters.since
    if letters.until is not None:
        yield SessionRow.settled_at < letters.until


def _class_of(stored: str | None) -> PrefillReason:
    return PrefillReason.INTERNAL if stored is None else PrefillReason(stored)
