"""What a participant can do, for the routes and for the pages: find a campaign, bring a token, look at a session, play.

All but playing goes through the batches; a session's key is checked before anything is asked of the store.
"""

import asyncio
import re
from collections.abc import Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from typing import Protocol

from app.domain.campaign import Campaign
from app.domain.play import Played
from app.domain.session import is_settled
from app.errors import CampaignUnknown, SessionExpired, SessionUnknown
from app.ports import Clock, TakenIn
from app.steps.accept import Arrival, admit
from app.steps.participate import RecordParticipation
from app.steps.read import Visit, show
from app.web.batching import Batcher
from app.web.campaign_cache import CampaignCache, Known
from app.web.long_polls import LongPolls
from app.web.read_marks import ReadMarks
from app.web.store_threads import StoreThreads
from app.web.token_refusals import TokenRefusals

_RECHECK_SECONDS = 0.5
"""How often one looks whether a session past its deadline has been judged meanwhile, and so is settled."""

SESSION_ID = re.compile(r"ses_[0-9a-v]{26}")
CAMPAIGN_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class SessionKeys(Protocol):
    """Makes and checks the keys that open sessions."""

    def make(self, session_id: str) -> str:
        """Return the key of a session."""
        ...

    def holds(self, session_id: str, key: str) -> bool:
        """Tell whether `key` is the one of the session."""
        ...


@dataclass(frozen=True, slots=True)
class Participants:
    """Serves participants from the batches of one process."""

    campaigns: CampaignCache
    lookups: Batcher[str, Campaign | None]
    intake: Batcher[Arrival, TakenIn]
    reads: Batcher[str, Visit | None]
    polls: LongPolls
    keys: SessionKeys
    clock: Clock
    record: RecordParticipation
    threads: StoreThreads
    marks: ReadMarks
    refusals: TokenRefusals = field(default_factory=TokenRefusals)
    renewals: set[asyncio.Task[None]] = field(default_factory=set)
    """The one that is under way, if any."""

    def recall_campaign(self, campaign_id: str) -> Known | None:
        """Return what is known of a campaign, as it was at most a second ago, and see to it that it stays known."""
        known = self.campaigns.recall(campaign_id)
        if known is not None and self.campaigns.is_due(known) and not self.renewals:
            renewing = self.threads.call(self.campaigns.renew)
            renewal = asyncio.get_running_loop().create_task(renewing, context=Context())
            self.renewals.add(renewal)
            renewal.add_done_callback(self._end_renewal)
        return known

    def _end_renewal(self, renewal: asyncio.Task[None]) -> None:
        self.renewals.discard(renewal)
        if not renewal.cancelled():
            renewal.exception()  # whoever needs the campaign meets it again, and is told

    async def find_campaign(self, campaign_id: str) -> Campaign:
        """Return the campaign as it was at most a second ago; raise CampaignUnknown."""
        known = self.recall_campaign(campaign_id)
        if known is None and not CAMPAIGN_ID.fullmatch(campaign_id):
            raise CampaignUnknown
        campaign = known.campaign if known else await self.lookups.submit(campaign_id)
        if campaign is None:
            raise CampaignUnknown
        return campaign

    async def take_in(self, campaign: Campaign, token: str | None, idempotency_key: str | None = None) -> TakenIn:
        """Return the committed session; raise TokenMissing, TokenTooLarge, TokenMalformed, Overloaded."""
        return await self.intake.submit(admit(campaign, token, idempotency_key))

    def open(self, session_id: str, key: str) -> None:
        """Raise SessionUnknown unless `key` is the one of the session; asks nobody."""
        if not SESSION_ID.fullmatch(session_id) or not self.keys.holds(session_id, key):
            raise SessionUnknown

    async def visit(self, session_id: str) -> Visit:
        """Return a session that was opened, as it stands; raise SessionUnknown or SessionExpired."""
        visit = await self.reads.submit(session_id)
        if visit is None:
            raise SessionUnknown
        if self.clock.now() >= visit.session.expires_at:
            raise SessionExpired
        return visit

    async def wait(self, visit: Visit, seconds: float) -> Visit:
        """Return the visit as soon as it is settled, else as it stands after `seconds`, or when nobody may wait.

        Raise SessionUnknown, or SessionExpired as soon as the session's life is over.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        while self.polls.is_open:
            now = self.clock.now()
            left = ends_at - loop.time()
            if left <= 0 or is_settled(visit.session, now):
                break
            to_deadline = (visit.session.deadline_at - now).total_seconds()
            look_in = to_deadline if to_deadline > 0 else _RECHECK_SECONDS
            to_end = (visit.session.expires_at - now).total_seconds()
            age = (now - visit.session.received_at).total_seconds()
            session = await self.polls.wait(visit.session.id, min(left, look_in, to_end), age)
            if session is not None:
                return replace(visit, session=session)
            visit = await self._looked_again(visit)
        return visit

    def show(self, visit: Visit, languages: Sequence[str]) -> dict[str, object]:
        """Return what the participant is told, and note that it was once it is settled; raise SessionExpired."""
        now = self.clock.now()
        shown = show(visit, now, languages)
        if is_settled(visit.session, now):
            self.marks.note(visit.session.id, now)
        return shown

    async def play(self, visit: Visit, idempotency_key: str | None = None) -> Played:
        """Return the participation that stands recorded; raise what RecordParticipation raises."""
        context = copy_context()  # what the request is called, for the log
        return await self.threads.call(lambda: context.run(self.record, visit, idempotency_key))

    async def _looked_again(self, visit: Visit) -> Visit:
        """Return the session as it stands now: judged meanwhile, or with what its call failed of; not at the end."""
        return await self.visit(visit.session.id) if self.polls.is_open else visit
