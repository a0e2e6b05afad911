"""What participants have played, and which tokens were used up; counted and recorded in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_if_absent
from app.adapters.database.participation_lookups import count_participations, find_used_tokens
from app.adapters.database.schema import ParticipationRow, UsedTokenRow
from app.domain.play import Play, Played, PlayRefusal, judge_play, played
from app.errors import Overloaded
from app.ports import ParticipantKey

MAX_TRIES: Final = 50
"""A try fails only where another participation of the same participant was committed meanwhile."""


@dataclass(frozen=True, slots=True)
class SqlParticipationLedger:
    """Implements `ports.ParticipationLedger`."""

    database: Database

    def count(self, participants: frozenset[ParticipantKey]) -> Mapping[ParticipantKey, int]:
        """Return how often each has played; those who have not are absent."""
        if not participants:
            return {}
        wanted = [(key.campaign_id, key.partner_id, key.digest) for key in participants]
        rows = self.database.read(lambda connection: count_participations(connection, wanted))
        return {ParticipantKey(campaign, partner, digest): times for campaign, partner, digest, times in rows}

    def find_uses(self, jtis: frozenset[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the session that used up each (partner id, jti digest)."""
        if not jtis:
            return {}
        rows = self.database.read(lambda connection: find_used_tokens(connection, list(jtis)))
        return {(partner, jti): session for partner, jti, session in rows}

    def record(self, play: Play) -> Played | PlayRefusal:
        """Record `play` unless it is refused or was recorded before; raise Overloaded after too many others in between.

        The token is used up before the ordinal is taken, in every transaction: no two wait for each other in a circle.
        """
        try:
            return self.database.write(lambda connection: _record(connection, play))
        except _Refused as refused:
            return refused.why

    def find_repeat(self, session_id: str, repeat_digest: str) -> Played | None:
        """Return what was recorded for an earlier request of the session with that digest."""
        return self.database.read(lambda connection: _find_repeat(connection, session_id, repeat_digest))


class _Refused(Exception):
    """Undoes the transaction."""

    def __init__(self, why: PlayRefusal) -> None:
        super().__init__(why)
        self.why = why


def _record(connection: Connection, play: Play) -> Played:
    is_reused = play.use is not None and not _use_up(connection, play)
    for _ in range(MAX_TRIES):
        earlier = _find_repeat(connection, play.session_id, play.repeat_digest)
        if earlier is not None:
            return earlier
        used, last = _count_and_last(connection, play)
        found = judge_play(play, used, is_reused=is_reused)
        if found is not None and play.is_enforced:
            raise _Refused(found)
        recorded = played(play, used + 1, found)
        if insert_if_absent(connection, ParticipationRow, _row(play, recorded, last + 1)):
            return recorded
    raise Overloaded


def _use_up(connection: Connection, play: Play) -> bool:
    """Use up the token of `play` for its session; tell whether it is that session's now, or was before."""
    if play.use is None:
        return True
    key = {"partner_id": play.partner_id, "jti_digest": play.use.jti_digest}
    use = {**key, "session_id": play.session_id, "expires_at": play.use.until}
    if insert_if_absent(connection, UsedTokenRow, use):
        return True
    user = select(UsedTokenRow.session_id).filter_by(**key)
    return connection.scalar(user) == play.session_id


def _count_and_last(connection: Connection, play: Play) -> tuple[int, int]:
    """Return how many participations count, and the last ordinal: the oldest may be deleted, and count no more."""
    counted = select(func.count(), func.coalesce(func.max(ParticipationRow.ordinal), 0)).where(
        ParticipationRow.campaign_id == play.campaign_id,
        ParticipationRow.partner_id == play.partner_id,
        ParticipationRow.participant_digest == play.counted_as,
    )
    used, last = connection.execute(counted).one()
    return used, last


def _find_repeat(connection: Connection, session_id: str, repeat_digest: str | None) -> Played | None:
    if repeat_digest is None:
        return None
    up_to = aliased(ParticipationRow)
    used = (
        select(func.count())
        .where(
            up_to.campaign_id == ParticipationRow.campaign_id,
            up_to.partner_id == ParticipationRow.partner_id,
            up_to.participant_digest == ParticipationRow.participant_digest,
            up_to.ordinal <= ParticipationRow.ordinal,
        )
        .correlate(ParticipationRow)
        .scalar_subquery()
    )
    told = (ParticipationRow.id, used, ParticipationRow.remaining, ParticipationRow.waived)
    earlier = select(*told).where(
        ParticipationRow.session_id == session_id, ParticipationRow.repeat_digest == repeat_digest
    )
    row = connection.execute(earlier).one_or_none()
    if row is None:
        return None
    id_, times, remaining, waived = row
    return Played(id_, times, remaining, PlayRefusal(waived) if waived else None, is_repeat=True)


def _row(play: Play, recorded: Played, ordinal: int) -> dict[str, object]:
    return {
        "id": play.id,
        "campaign_id": play.campaign_id,
        "partner_id": play.partner_id,
        "participant_digest": play.counted_as,
        "ordinal": ordinal,
        "session_id": play.session_id,
        "repeat_digest": play.repeat_digest,
        "remaining": recorded.remaining,
        "waived": recorded.waived and recorded.waived.value,
        "created_at": play.at,
    }
