"""What participants have played, and which tokens were used up; a batch in one query each."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_

from app.adapters.database.engine import Database
from app.adapters.database.schema import ParticipationRow, UsedTokenRow
from app.ports import ParticipantKey


@dataclass(frozen=True, slots=True)
class SqlParticipationLedger:
    """Implements `ports.ParticipationLedger`."""

    database: Database

    def count(self, participants: frozenset[ParticipantKey]) -> Mapping[ParticipantKey, int]:
        """Return how often each has played; those who have not are absent."""
        if not participants:
            return {}
        whose = (ParticipationRow.campaign_id, ParticipationRow.partner_id, ParticipationRow.participant_digest)
        wanted = [(key.campaign_id, key.partner_id, key.digest) for key in participants]
        counted = select(*whose, func.count()).where(tuple_(*whose).in_(wanted)).group_by(*whose)
        rows = self.database.read(lambda connection: connection.execute(counted).all())
        return {ParticipantKey(campaign, partner, digest): played for campaign, partner, digest, played in rows}

    def find_uses(self, jtis: frozenset[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the session that used up each (partner id, jti digest)."""
        if not jtis:
            return {}
        which = (UsedTokenRow.partner_id, UsedTokenRow.jti_digest)
        used = select(*which, UsedTokenRow.session_id).where(tuple_(*which).in_(list(jtis)))
        rows = self.database.read(lambda connection: connection.execute(used).all())
        return {(partner, jti): session for partner, jti, session in rows}
