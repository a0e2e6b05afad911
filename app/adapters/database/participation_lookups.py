"""How a batch looks up participations and used tokens: as arrays on PostgreSQL, as a list of tuples elsewhere.

A parameter for each text of a list makes each size of batch a statement of its own, which the driver spells out and the
server plans anew.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

from app.adapters.database.array_columns import arrays_of
from app.adapters.database.directly import rows_of
from app.adapters.database.schema import ParticipationRow, UsedTokenRow

_PARTICIPANTS = {"campaign_ids": "text", "partner_ids": "text", "digests": "text"}
_JTIS = {"partner_ids": "text", "jti_digests": "text"}
_COUNT = """
    SELECT p.campaign_id, p.partner_id, p.participant_digest, count(*)
    FROM unnest(%(campaign_ids)b::text[], %(partner_ids)b::text[], %(digests)b::text[])
        AS w (campaign_id, partner_id, participant_digest)
    JOIN participations p USING (campaign_id, partner_id, participant_digest)
    GROUP BY 1, 2, 3"""
_FIND_USES = """
    SELECT u.partner_id, u.jti_digest, u.session_id
    FROM unnest(%(partner_ids)b::text[], %(jti_digests)b::text[]) AS w (partner_id, jti_digest)
    JOIN used_tokens u USING (partner_id, jti_digest)"""


def count_participations(connection: Connection, participants: Sequence[tuple[str, str, str]]) -> Sequence[Any]:
    """Return rows of (campaign id, partner id, participant digest, participations) of those that have any."""
    if connection.dialect.name == "postgresql":
        return rows_of(connection, _COUNT, arrays_of(_PARTICIPANTS, participants))
    whose = (ParticipationRow.campaign_id, ParticipationRow.partner_id, ParticipationRow.participant_digest)
    counted = select(*whose, func.count()).where(tuple_(*whose).in_(participants)).group_by(*whose)
    return connection.execute(counted).all()


def find_used_tokens(connection: Connection, jtis: Sequence[tuple[str, str]]) -> Sequence[Any]:
    """Return rows of (partner id, jti digest, session id) of those that were used up."""
    if connection.dialect.name == "postgresql":
        return rows_of(connection, _FIND_USES, arrays_of(_JTIS, jtis))
    which = (UsedTokenRow.partner_id, UsedTokenRow.jti_digest)
    return connection.execute(select(*which, UsedTokenRow.session_id).where(tuple_(*which).in_(jtis))).all()
