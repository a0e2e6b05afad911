"""What the page says of a token that was refused, and that it never says it on an address that shows the token."""

from dataclasses import replace

import pytest

from app.domain.campaign import Mode, Screen
from app.domain.participation import ALLOWED, TOKEN_REJECTED
from app.domain.session import Outcome, TokenStatus
from app.reasons import ParticipationReason, TokenReason
from tests.web.page_stand import CAMPAIGN, READY, TOKEN, Stand, accepted, cookie, page_of, serving, session_with

NEUTRAL = "We could not fill this in for you. You can still take part."
REJECTED = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED)
LENIENT = pytest.mark.parametrize("mode", [Mode.OPTIONAL, Mode.REPORT_ONLY])


@LENIENT
async def test_page_of_a_rejected_token_says_so_in_neutral_words_where_none_is_required(mode: Mode) -> None:
    stand = Stand({"spring": replace(CAMPAIGN, mode=mode)}, session=session_with(REJECTED))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()

    assert NEUTRAL in html
    assert 'data-state="unavailable"' in html
    assert "token_expired" not in html


@LENIENT
async def test_page_of_a_token_of_no_shape_says_so_in_neutral_words_where_none_is_required(mode: Mode) -> None:
    async with serving(Stand({"spring": replace(CAMPAIGN, mode=mode)})) as client:
        answer = await client.get("/c/spring?token=garbage")
        page = await page_of(answer)

    assert answer.status == 200
    assert str(answer.url.relative()) == "/c/spring?prefill=unavailable"
    assert NEUTRAL in page.text
    assert page.fields["firstname"]["value"] == ""


@LENIENT
async def test_page_of_one_who_brings_no_token_says_nothing_of_a_prefill(mode: Mode) -> None:
    stand = Stand({"spring": replace(CAMPAIGN, mode=mode)})

    async with serving(stand) as client:
        without_session = await (await client.get("/c/spring")).text()
        stand.session = session_with(Outcome(TokenStatus.ANONYMOUS, ALLOWED))
        anonymous = await (await client.get("/c/spring", headers=cookie())).text()

    for html in (without_session, anonymous):
        assert 'data-state="none"' in html
        assert f">{NEUTRAL}<" not in html


async def test_page_of_a_session_is_what_the_session_says_whatever_the_address_does() -> None:
    async with serving(Stand(session=session_with(accepted(READY)))) as client:
        page = await page_of(await client.get("/c/spring?prefill=unavailable", headers=cookie()))

    assert page.fields["firstname"]["value"] == "Ada"


async def test_page_of_no_campaign_with_a_token_in_its_address_says_so_on_the_clean_one() -> None:
    stand = Stand()

    async with serving(stand) as client:
        led = await client.get(f"/c/nowhere?token={TOKEN}", allow_redirects=False)
        answer = await client.get(f"/c/nowhere?qual_token={TOKEN}")
        page = await page_of(answer)

    assert (led.status, led.headers["Location"]) == (303, "/c/nowhere")
    assert (answer.status, answer.url.raw_path_qs) == (404, "/c/nowhere")
    assert "This campaign is not open" in page.text
    assert stand.arrivals == []


async def test_page_of_what_no_campaign_can_be_called_is_not_found_at_once() -> None:
    async with serving(Stand()) as client:
        answer = await client.get(f"/c/no%20where?token={TOKEN}", allow_redirects=False)

    assert answer.status == 404


@pytest.mark.parametrize(
    ("path", "mode", "status", "title"),
    [
        pytest.param("/c/spring?play=1&of=ijklmnop", Mode.REQUIRED, 403, "It has been a while", id="session-over"),
        pytest.param("/c/spring?play=1&of=", Mode.REQUIRED, 403, "We could not recognise you", id="never-one"),
        pytest.param("/c/spring?play=1&of=ijklmnop", Mode.OPTIONAL, 303, "", id="not-required"),
    ],
)
async def test_form_whose_session_is_over_says_that_it_was_open_for_long_where_a_token_is_required(
    path: str, mode: Mode, status: int, title: str
) -> None:
    back = Screen("We could not recognise you", "Come again.", "https://acme.example/")
    screens = {"en": {ParticipationReason.TOKEN_REJECTED: back}}
    stand = Stand({"spring": replace(CAMPAIGN, mode=mode, screens=screens)})
    if mode is Mode.OPTIONAL:
        stand.session = session_with(Outcome(TokenStatus.ANONYMOUS, ALLOWED))

    async with serving(stand) as client:
        answer = await client.post(path, allow_redirects=False)
        html = await answer.text()

    assert answer.status == status
    assert title in html
    assert ("This page was open for a long time." in html) is (title == "It has been a while")
    assert ("https://acme.example/" in html) is (status == 403)
