"""Read sessions for their participants: the row, and the campaign whose words it is shown in.

One query for all of them, however many ask. Who may read a session was decided before, by its key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.campaign import Campaign
from app.domain.session import StoredSession, public_view
from app.errors import SessionExpired
from app.ports import ConfigurationSource, SessionReads
from app.values import light_value


@light_value
class Visit:
    """A session as it stands, with its campaign."""

    session: StoredSession
    campaign: Campaign


@dataclass(frozen=True, slots=True)
class ReadSessions:
    """Loads sessions and their campaigns."""

    reads: SessionReads
    configuration: ConfigurationSource

    def __call__(self, ids: Sequence[str]) -> Mapping[str, Visit]:
        """Return the sessions that exist, by id; one whose campaign was deleted does not."""
        sessions = self.reads.load(list(dict.fromkeys(ids)))
        if not sessions:
            return {}
        campaign_ids = frozenset(session.campaign_id for session in sessions.values())
        campaigns = self.configuration.load(campaign_ids, frozenset()).campaigns
        return {
            id_: Visit(session, campaigns[session.campaign_id])
            for id_, session in sessions.items()
            if session.campaign_id in campaigns
        }


def show(visit: Visit, now: datetime, languages: Sequence[str] = ()) -> dict[str, object]:
    """Return what the participant is told; raise SessionExpired once the session's life is over."""
    if now >= visit.session.expires_at:
        raise SessionExpired
    return public_view(visit.session, visit.campaign, now, languages)
