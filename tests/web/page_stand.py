"""The campaign's page of one test, on stores in memory behind the real batches, and what a browser makes of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestServer

from app.domain.campaign import Campaign, FormField, Screen
from app.domain.participation import ALLOWED, NO_TICKET, Ticket, Verdict
from app.domain.prefill import Prefill, PrefillSource, PrefillStatus
from app.domain.session import Outcome, Stage, StoredSession, TokenStatus
from app.ports import Configuration, TakenIn
from app.reasons import ParticipationReason
from app.steps.accept import Arrival
from app.steps.participate import RecordParticipation
from app.steps.read import Visit
from app.web.assets import load_assets
from app.web.batching import Batcher, BatchLimits, each, on_thread
from app.web.campaign_cache import CampaignCache
from app.web.embed import Embed, embed_policies
from app.web.limits import SessionLimits
from app.web.long_polls import LongPolls
from app.web.middleware import request_middleware
from app.web.page_templates import PageTemplates
from app.web.pages import CampaignPages, page_policies, page_routes
from app.web.participants import Participants
from app.web.read_marks import ReadMarks
from app.web.session_cookie import NAME, SessionCookies
from app.web.store_threads import StoreThreads
from tests.fakes import MemoryLedger
from tests.web.conforming import ConformingClient

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
SESSION_ID = "ses_0123456789abcdefghijklmnop"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
HOSTILE = "\"><script>alert('x')</script>"
CAMPAIGN = Campaign(
    id="spring",
    version=1,
    partner_id="acme",
    name="Spring & <Summer>",
    allowed_origins=("https://www.acme.example",),
    languages=("en", "fr"),
    screens={"fr": {ParticipationReason.LIMIT_REACHED: Screen("Déjà joué", "À bientôt.", "https://acme.example/")}},
    form=(
        FormField("firstname", {"en": "First name", "fr": "Prénom"}, autocomplete="given-name", required=True),
        FormField("email", {"en": "Email"}, type="email", autocomplete="email"),
        FormField("about", {"en": "About you"}, type="textarea"),
        FormField("news", {"en": "Newsletter"}, type="checkbox"),
    ),
)
READY = Prefill(PrefillStatus.READY, PrefillSource.TOKEN, form={"firstname": "Ada", "other": "x"}, optin={"news": "1"})


@dataclass(frozen=True, slots=True)
class FixedClock:
    def now(self) -> datetime:
        return NOW


@dataclass(frozen=True, slots=True)
class PlainKeys:
    def make(self, session_id: str) -> str:
        return f"0a1b2c3d.key-of-{session_id[-4:]}"

    def holds(self, session_id: str, key: str) -> bool:
        return key == self.make(session_id)


@dataclass(slots=True)
class Stand:
    """Stores in memory behind the real batches."""

    campaigns: dict[str, Campaign] = field(default_factory=lambda: {CAMPAIGN.id: CAMPAIGN})
    session: StoredSession | None = None
    arrivals: list[Arrival] = field(default_factory=list)
    trouble: Exception | None = None
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        del partner_ids
        if self.trouble is not None:
            raise self.trouble
        return Configuration({id_: self.campaigns[id_] for id_ in campaign_ids if id_ in self.campaigns})

    def read_mark(self) -> str | None:
        return None

    def add(self, arrivals: Sequence[Arrival]) -> Sequence[TakenIn]:
        self.arrivals += arrivals
        return [TakenIn(SESSION_ID, NOW + timedelta(hours=1)) for _ in arrivals]

    def read(self, ids: Sequence[str]) -> Sequence[Visit | None]:
        session = self.session
        return [Visit(session, self.campaigns[session.campaign_id]) if session else None for _ in ids]

    def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        session = self.session
        return {id_: session for id_ in ids if session and session.stage is Stage.DONE}


class Page(HTMLParser):
    """What a page says: its text, its links, its fields with their values."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.fields: dict[str, dict[str, str | None]] = {}
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(said.get("href") or "")
        if tag in {"input", "textarea"}:
            self.fields[said.get("name") or ""] = said

    def handle_data(self, data: str) -> None:
        self.text += data


@asynccontextmanager
async def serving(
    stand: Stand, *, secure: bool = False, limits: SessionLimits | None = None
) -> AsyncIterator[ConformingClient]:
    threads = StoreThreads(2, 5, probe=lambda: None)
    batches = BatchLimits(rows=8, wait_seconds=0, queue=64)
    cache = CampaignCache(stand)

    async def mark_none(_: Mapping[str, datetime]) -> frozenset[str]:
        return frozenset()

    participants = Participants(
        campaigns=cache,
        lookups=Batcher(on_thread(cache.load_each, threads), threads, batches),
        intake=Batcher(on_thread(stand.add, threads), threads, batches),
        reads=Batcher(on_thread(stand.read, threads), threads, batches),
        polls=LongPolls(on_thread(each(stand.load_settled), threads)),
        keys=PlainKeys(),
        clock=FixedClock(),
        record=RecordParticipation(stand.ledger, FixedClock()),
        threads=threads,
        marks=ReadMarks(mark_none),
    )

    async def find_partner_name(_: str) -> str:
        return "ACME"

    assets = load_assets()
    pages = CampaignPages(
        participants,
        find_partner_name,
        SessionCookies(PlainKeys(), secure=secure),
        PageTemplates(assets),
        limits or SessionLimits(),
    )
    embed = Embed(participants, find_partner_name, pages.templates)
    policies = {**page_policies(pages), **embed_policies(pages.error_page)}
    app = web.Application(middlewares=[request_middleware(lambda *_: None, policies)])
    app.add_routes([*page_routes(pages, assets), *embed.routes()])
    async with ConformingClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        yield client
    participants.polls.close()
    await threads.close()


def session_with(outcome: Outcome | None, stage: Stage = Stage.DONE) -> StoredSession:
    later = NOW + timedelta(seconds=10)
    return StoredSession(SESSION_ID, CAMPAIGN.id, "acme", stage, False, NOW, later, NOW + timedelta(hours=1), outcome)


def accepted(prefill: Prefill, verdict: Verdict = ALLOWED, ticket: Ticket = NO_TICKET) -> Outcome:
    return Outcome(TokenStatus.ACCEPTED, verdict, prefill=prefill, ticket=ticket)


def cookie(session_id: str = SESSION_ID) -> dict[str, str]:
    return {"Cookie": f"{NAME}={session_id}~{PlainKeys().make(session_id)}"}


async def page_of(answer: ClientResponse) -> Page:
    assert answer.content_type == "text/html"
    return Page(await answer.text())
