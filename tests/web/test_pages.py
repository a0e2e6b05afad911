"""The campaign's page over HTTP, on stores in memory: what a browser gets to see, and what it never does."""

import re
from dataclasses import replace

import pytest

from app.domain.campaign import Mode
from app.domain.participation import Verdict
from app.domain.prefill import unavailable
from app.domain.session import Stage
from app.domain.token import Gift
from app.errors import StoreUnavailable
from app.reasons import ParticipationReason, PrefillReason
from app.web.limits import SessionLimits, TokenBuckets
from app.web.session_cookie import NAME
from tests.web.page_stand import (
    CAMPAIGN,
    HOSTILE,
    READY,
    SESSION_ID,
    TOKEN,
    Page,
    Stand,
    accepted,
    cookie,
    page_of,
    serving,
    session_with,
)


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
    assert f"Reference {answer.headers['X-Request-ID'][-8:]}" in page.text
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
    assert "Not you?" in page.text
    assert "/c/spring?prefill=off#form" in page.links


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
    assert page.tags.count("script") == 3
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
    assert html.count(f'nonce="{nonce}"') == 4
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
    assert "Cette campagne n'est pas ouverte" in page.text


async def test_page_while_the_store_is_gone_is_a_page_that_says_when_to_come_again_and_keeps_the_token_out() -> None:
    async with serving(Stand(trouble=StoreUnavailable("gone"))) as client:
        answer = await client.get(f"/c/spring?token={TOKEN}")
        html = await answer.text()

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    assert "One moment, please" in Page(html).text
    assert Page(html).links == [""]  # the same address again
    assert TOKEN.split(".")[1] not in html


async def test_page_that_fails_for_no_known_reason_is_a_page_that_tells_nothing_of_it() -> None:
    async with serving(Stand(trouble=RuntimeError("canary"))) as client:
        answer = await client.get("/c/spring")
        html = await answer.text()

    assert answer.status == 500
    assert "Something went wrong" in Page(html).text
    assert f"Reference {answer.headers['X-Request-ID'][-8:]}" in Page(html).text
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
    assert "Look again for my details" in html
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

    assert told["settled"] is True
    assert told["screen"] is None
    assert told["prefill"] == {
        "status": "ready",
        "source": "token",
        "reason": None,
        "form": {"firstname": "Ada"},
        "optin": {"news": "1"},
        "warnings": [],
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_page_of_one_who_says_that_it_is_somebody_else_forgets_the_session() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        answer = await client.post("/c/spring/forget", headers=cookie(), allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/c/spring")
    assert (answer.cookies[NAME].value, answer.cookies[NAME]["max-age"]) == ("", "0")


async def test_page_that_is_submitted_ends_the_campaign() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        answer = await client.post("/c/spring", headers=cookie(), data={"firstname": "Ada"})
        page = await page_of(answer)

    assert answer.status == 200
    assert "You have taken part." in page.text


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
    assert other.headers["Cache-Control"] == "no-store"  # the next release may have it


@pytest.mark.parametrize(
    ("gift", "said"),
    [
        pytest.param(Gift("A spa day", can_win=True), "A spa day", id="can-be-won"),
        pytest.param(Gift("A spa day"), "A spa day", id="not-said"),
        pytest.param(Gift("A spa day", can_win=False), "Your ticket for the draw", id="cannot-be-won"),
        pytest.param(None, "Your ticket for the draw", id="none"),
    ],
)
async def test_page_has_on_its_card_what_the_token_promises(gift: Gift | None, said: str) -> None:
    stand = Stand(session=session_with(replace(accepted(READY), gift=gift)))

    async with serving(stand) as client:
        page = await page_of(await client.get("/c/spring", headers=cookie()))

    assert said in page.text
    assert ("A spa day" in page.text) is (said == "A spa day")


async def test_page_in_the_campaigns_colour_has_it_in_a_style_with_a_nonce() -> None:
    stand = Stand({"spring": replace(CAMPAIGN, accent="#ffd400")}, session=session_with(accepted(READY)))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()

    (style,) = re.findall(r'<style nonce="[A-Za-z0-9_-]{20,}">(.*?)</style>', html)
    assert (
        style == ":root { --accent: #ffd400; --accent-ink: #000000; --accent-text: #7d6700; --accent-edge: #ad9000; }"
    )


async def test_style_sheet_names_the_font_by_its_content() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()
        (style,) = re.findall(r"/static/campaign\.[0-9a-f]{12}\.css", html)
        css = await (await client.get(style)).text()
        (font,) = re.findall(r'url\("(figtree\.[0-9a-f]{12}\.woff2)"\)', css)
        answer = await client.get(f"/static/{font}")

    assert f"/static/{font}" in html
    assert (answer.status, answer.content_type) == (200, "font/woff2")


async def test_tokens_in_the_address_count_towards_the_limits_of_sessions() -> None:
    stand = Stand()
    async with serving(stand, limits=SessionLimits(per_address=TokenBuckets(per_second=0.01, burst=1))) as client:
        taken = await client.get(f"/c/spring?token={TOKEN}", allow_redirects=False)
        refused = await client.get(f"/c/spring?token={TOKEN}", allow_redirects=False)

        assert (taken.status, refused.status) == (303, 429)
        assert int(refused.headers["Retry-After"]) > 1
        assert len(stand.arrivals) == 1


async def test_forms_of_nobody_count_towards_the_limits_of_sessions() -> None:
    stand = Stand(campaigns={CAMPAIGN.id: replace(CAMPAIGN, mode=Mode.OPTIONAL)})
    async with serving(stand, limits=SessionLimits(per_campaign=TokenBuckets(per_second=0.01, burst=1))) as client:
        await client.post("/c/spring", allow_redirects=False)
        refused = await client.post("/c/spring", allow_redirects=False)

        assert refused.status == 429
        assert len(stand.arrivals) == 1
