"""The campaign's page over HTTP, on stores in memory: what a browser gets to see, and what it never does."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from aiohttp import ClientResponse, CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from app.domain.campaign import Campaign, FormField, Mode, Screen
from app.domain.participation import ALLOWED, Verdict
from app.domain.prefill import Prefill, PrefillSource, PrefillStatus, unavailable
from app.domain.session import Outcome, Stage, StoredSession, TokenStatus
from app.errors import StoreUnavailable
from app.ports import Configuration, TakenIn
from app.reasons import ParticipationReason, PrefillReason
from app.steps.accept import Arrival
from app.steps.read import Visit
from app.web.assets import load_assets
from app.web.batching import Batcher, BatchLimits
from app.web.campaign_cache import CampaignCache
from app.web.long_polls import LongPolls
from app.web.middleware import request_middleware
from app.web.page_templates import PageTemplates
from app.web.pages import CampaignPages, page_policies, page_routes
from app.web.participants import Participants
from app.web.session_cookie import NAME, SessionCookies
from app.web.store_threads import StoreThreads

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

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        del partner_ids
        if self.trouble is not None:
            raise self.trouble
        return Configuration({id_: self.campaigns[id_] for id_ in campaign_ids if id_ in self.campaigns})

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
async def serving(stand: Stand, *, secure: bool = False) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    threads = StoreThreads(2, 5, probe=lambda: None)
    limits = BatchLimits(rows=8, wait_seconds=0, queue=64)
    cache = CampaignCache(stand)
    participants = Participants(
        campaigns=cache,
        lookups=Batcher(cache.load_each, threads, limits),
        intake=Batcher(stand.add, threads, limits),
        reads=Batcher(stand.read, threads, limits),
        polls=LongPolls(stand.load_settled, threads),
        keys=PlainKeys(),
        clock=FixedClock(),
    )

    async def find_partner_name(_: str) -> str:
        return "ACME"

    assets = load_assets()
    pages = CampaignPages(
        participants, find_partner_name, SessionCookies(PlainKeys(), secure=secure), PageTemplates(assets)
    )
    app = web.Application(middlewares=[request_middleware(lambda *_: None, page_policies(pages))])
    app.add_routes(page_routes(pages, assets))
    async with TestClient(TestServer(app), cookie_jar=CookieJar(unsafe=True)) as client:
        yield client
    participants.polls.close()
    await threads.close()


def session_with(outcome: Outcome | None, stage: Stage = Stage.DONE) -> StoredSession:
    later = NOW + timedelta(seconds=10)
    return StoredSession(SESSION_ID, CAMPAIGN.id, stage, False, NOW, later, NOW + timedelta(hours=1), outcome)


def accepted(prefill: Prefill, verdict: Verdict = ALLOWED) -> Outcome:
    return Outcome(TokenStatus.ACCEPTED, verdict, prefill=prefill)


def cookie(session_id: str = SESSION_ID) -> dict[str, str]:
    return {"Cookie": f"{NAME}={session_id}~{PlainKeys().make(session_id)}"}


async def page_of(answer: ClientResponse) -> Page:
    assert answer.content_type == "text/html"
    return Page(await answer.text())


@pytest.mark.parametrize("name", [pytest.param("token", id="token"), pytest.param("qual_token", id="qual-token")])
async def test_page_with_a_token_in_its_address_leads_to_the_clean_one_with_the_session_in_a_cookie(name: str) -> None:
    stand = Stand()

    async with serving(stand) as client:
        answer = await client.get(f"/c/spring?{name}={TOKEN}", allow_redirects=False)

    assert answer.status == 303
    assert answer.headers["Location"] == "/c/spring"
    kept = answer.cookies[NAME]
    assert kept.value == f"{SESSION_ID}~0a1b2c3d.key-of-mnop"
    assert (kept["path"], kept["httponly"], kept["samesite"]) == ("/c/spring", True, "Lax")
    assert kept["max-age"] == "3600"
    assert [arrival.token for arrival in stand.arrivals] == [TOKEN]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_session_cookie_is_secure() -> None:
    async with serving(Stand(), secure=True) as client:
        answer = await client.get(f"/c/spring?token={TOKEN}", allow_redirects=False)

    assert answer.cookies[NAME]["secure"]


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("garbage", id="not-a-token"),
        pytest.param("a.b.c%00", id="nul"),
        pytest.param("%3Cscript%3E", id="markup"),
    ],
)
async def test_page_with_a_token_of_no_shape_leads_to_the_clean_one_which_refuses_neutrally(token: str) -> None:
    stand = Stand()

    async with serving(stand) as client:
        answer = await client.get(f"/c/spring?token={token}", headers={"Accept": "text/html"})
        page = await page_of(answer)

    assert answer.status == 403
    assert str(answer.url.relative()) == "/c/spring"
    assert "We could not recognise you" in page.text
    assert stand.arrivals == []
    assert "form" not in page.tags


async def test_page_of_a_settled_session_is_filled_and_says_by_whom() -> None:
    stand = Stand(session=session_with(accepted(READY)))

    async with serving(stand) as client:
        page = await page_of(await client.get("/c/spring", headers=cookie()))

    assert page.fields["firstname"]["value"] == "Ada"
    assert page.fields["email"]["value"] == ""
    assert "checked" in page.fields["news"]
    assert "Filled in from ACME" in page.text
    assert "/c/spring?prefill=off" in page.links


async def test_page_asked_to_clear_the_prefill_is_empty() -> None:
    stand = Stand(session=session_with(accepted(READY)))

    async with serving(stand) as client:
        page = await page_of(await client.get("/c/spring?prefill=off", headers=cookie()))

    assert page.fields["firstname"]["value"] == ""
    assert "checked" not in page.fields["news"]
    assert "Filled in from" not in page.text


async def test_page_shows_nothing_of_token_session_key_or_values_that_no_field_asks_for() -> None:
    stand = Stand(session=session_with(accepted(replace(READY, form={"firstname": "Ada", "other": "canary"}))))

    async with serving(stand) as client:
        answer = await client.get(f"/c/spring?token={TOKEN}")
        html = await answer.text()

    assert answer.status == 200
    assert "Ada" in html
    assert all(secret not in html for secret in (TOKEN, TOKEN.split(".")[1], "key-of-", SESSION_ID, "canary"))


async def test_page_escapes_hostile_values_wherever_they_stand() -> None:
    prefill = replace(READY, form={"firstname": HOSTILE, "about": f"</textarea>{HOSTILE}"})
    stand = Stand(session=session_with(accepted(prefill)))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()

    page = Page(html)
    assert page.tags.count("script") == 1
    assert page.fields["firstname"]["value"] == HOSTILE
    assert f"</textarea>{HOSTILE}" in page.text
    assert "Spring & <Summer>" in page.text


async def test_page_policy_lets_in_what_has_its_nonce_and_the_campaigns_frames_alone() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        answers = [await client.get("/c/spring", headers=cookie()) for _ in range(2)]
        html = await answers[0].text()

    policy = answers[0].headers["Content-Security-Policy"]
    nonce = re.findall(r"script-src 'nonce-([A-Za-z0-9_-]{20,})'", policy)[0]
    assert f"style-src 'nonce-{nonce}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy.endswith("frame-ancestors https://www.acme.example")
    assert html.count(f'nonce="{nonce}"') == 2
    assert re.search(r"<script(?![^>]*src=)|<style| style=| on[a-z]+=", html) is None
    assert policy != answers[1].headers["Content-Security-Policy"]
    assert answers[0].headers["X-Content-Type-Options"] == "nosniff"


async def test_page_of_a_campaign_without_origins_cannot_be_framed() -> None:
    stand = Stand(campaigns={"spring": replace(CAMPAIGN, allowed_origins=())})

    async with serving(stand) as client:
        answer = await client.get("/c/spring")

    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_page_of_an_unknown_campaign_is_a_page_that_says_so() -> None:
    async with serving(Stand()) as client:
        answer = await client.get("/c/nowhere", headers={"Accept-Language": "fr"})
        page = await page_of(answer)

    assert answer.status == 404
    assert "Cette page n'existe pas" in page.text


async def test_page_while_the_store_is_gone_is_a_page_that_says_when_to_come_again() -> None:
    async with serving(Stand(trouble=StoreUnavailable("gone"))) as client:
        answer = await client.get("/c/spring")
        page = await page_of(answer)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert "One moment, please" in page.text


async def test_page_that_fails_for_no_known_reason_is_a_page_that_tells_nothing_of_it() -> None:
    async with serving(Stand(trouble=RuntimeError("canary"))) as client:
        answer = await client.get("/c/spring")
        html = await answer.text()

    assert answer.status == 500
    assert "Something went wrong" in Page(html).text
    assert "canary" not in html
    assert "Traceback" not in html


async def test_page_of_a_refused_participant_is_the_campaigns_screen_in_their_language() -> None:
    limit = Verdict(allowed=False, reason=ParticipationReason.LIMIT_REACHED, remaining=0)
    stand = Stand(session=session_with(accepted(READY, limit)))

    async with serving(stand) as client:
        answer = await client.get("/c/spring", headers={**cookie(), "Accept-Language": "fr-CH, en;q=0.5"})
        page = await page_of(answer)

    assert answer.status == 200
    assert "Déjà joué" in page.text
    assert "À bientôt." in page.text
    assert "https://acme.example/" in page.links
    assert SESSION_ID[-8:] in page.text
    assert page.fields == {}


async def test_page_of_a_session_that_is_not_judged_yet_is_usable_and_pending() -> None:
    stand = Stand(session=session_with(None, Stage.VERIFY))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()

    assert 'data-state="pending"' in html
    assert "Looking up your details" in html
    assert Page(html).fields["firstname"]["value"] == ""


async def test_page_without_a_prefill_says_so_in_neutral_words() -> None:
    stand = Stand(session=session_with(accepted(unavailable(PrefillReason.HTTP_5XX))))

    async with serving(stand) as client:
        page = await page_of(await client.get("/c/spring", headers=cookie()))

    assert "We could not fill this in for you. You can still take part." in page.text
    assert "http_5xx" not in page.text


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        pytest.param(Mode.REQUIRED, 403, id="required"),
        pytest.param(Mode.OPTIONAL, 200, id="optional"),
        pytest.param(Mode.REPORT_ONLY, 200, id="report-only"),
    ],
)
async def test_page_without_a_session_is_a_refusal_only_where_a_token_is_required(mode: Mode, status: int) -> None:
    async with serving(Stand(campaigns={"spring": replace(CAMPAIGN, mode=mode)})) as client:
        answer = await client.get("/c/spring")
        page = await page_of(answer)

    assert answer.status == status
    assert ("form" in page.tags) is (status == 200)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Cookie": f"{NAME}={SESSION_ID}~0a1b2c3d.wrong"}, id="wrong-key"),
        pytest.param({"Cookie": f"{NAME}=nonsense"}, id="nonsense"),
        pytest.param({}, id="none"),
    ],
)
async def test_session_for_a_browser_that_may_not_see_it_is_unknown(headers: dict[str, str]) -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        answer = await client.get("/c/spring/session", headers=headers)
        problem = await answer.json()

    assert (answer.status, problem["code"]) == (404, "session_unknown")


async def test_session_for_the_pages_script_holds_the_campaigns_fields_and_no_more() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        answer = await client.get("/c/spring/session?wait=10", headers=cookie())
        told = await answer.json()

    assert told == {
        "settled": True,
        "refused": False,
        "prefill": {"status": "ready", "values": {"firstname": "Ada", "news": "1"}},
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_page_that_is_submitted_ends_the_campaign() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        answer = await client.post("/c/spring", headers=cookie(), data={"firstname": "Ada"})
        page = await page_of(answer)

    assert answer.status == 200
    assert "This is the end of the demo campaign" in page.text


async def test_static_files_are_kept_for_ever_under_an_address_of_their_content() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()
        (style,) = re.findall(r"/static/campaign\.[0-9a-f]{12}\.css", html)
        answer = await client.get(style)
        other = await client.get("/static/campaign.000000000000.css")

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert other.status == 404
