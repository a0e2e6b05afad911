"""A form that is sent is one participation, and leads to the end; who may not play sees why."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from app.domain.campaign import Mode
from app.domain.participation import ALLOWED, TOKEN_REJECTED, Limit, Ticket
from app.domain.session import Outcome, Stage, TokenStatus
from app.reasons import TokenReason
from app.web import pages
from app.web.session_cookie import NAME
from tests.web.page_stand import (
    CAMPAIGN,
    READY,
    SESSION_ID,
    Stand,
    accepted,
    cookie,
    page_of,
    serving,
    session_with,
)

ANONYMOUS = Outcome(TokenStatus.ANONYMOUS, ALLOWED)
UNRECOGNISED = "Nous n'avons pas pu vous reconnaître"


def stand_with(limit: Limit) -> Stand:
    return Stand(session=session_with(accepted(READY, ticket=Ticket(limit))))


def action_of(html: str) -> str:
    (action,) = re.findall(r'<form method="post" action="([^"]+)"', html)
    assert isinstance(action, str)
    return action


async def test_form_that_is_sent_is_a_participation_and_leads_to_the_exit() -> None:
    stand = stand_with(Limit(nb=3))

    async with serving(stand) as client:
        action = action_of(await (await client.get("/c/spring", headers=cookie())).text())
        sent = await client.post(action, headers=cookie(), data={"firstname": "Ada"}, allow_redirects=False)
        page = await page_of(await client.get(sent.headers["Location"], headers=cookie()))

    assert (sent.status, sent.headers["Location"]) == (303, "/c/spring/thanks")
    assert sent.headers["Cache-Control"] == "no-store"
    assert [(play.session_id, play.counted_as) for play, _ in stand.ledger.plays.values()] == [(SESSION_ID, SESSION_ID)]
    assert "You have taken part." in page.text
    assert "form" not in page.tags


async def test_form_that_is_sent_twice_is_one_participation_and_another_form_another() -> None:
    stand = stand_with(Limit(nb=3))

    async with serving(stand) as client:
        actions = [action_of(await (await client.get("/c/spring", headers=cookie())).text()) for _ in range(2)]
        sent = [
            await client.post(action, headers=cookie(), allow_redirects=False)
            for action in (actions[0], actions[0], actions[1])
        ]

    assert [answer.status for answer in sent] == [303, 303, 303]
    assert len(stand.ledger.plays) == 2
    assert urlsplit(actions[0]).path == "/c/spring"


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        pytest.param(accepted(READY, ticket=Ticket(Limit(nb=0))), "Déjà joué", id="limit-reached"),
        pytest.param(
            accepted(READY, ticket=Ticket(Limit(can_play=False))), "Vous ne pouvez pas participer", id="not-eligible"
        ),
        pytest.param(
            Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED),
            UNRECOGNISED,
            id="token-rejected",
        ),
        pytest.param(accepted(READY, ticket=Ticket(jti_digest="used")), UNRECOGNISED, id="reused"),
    ],
)
async def test_form_of_one_who_may_not_play_answers_the_campaigns_screen(outcome: Outcome, said: str) -> None:
    stand = Stand({"spring": replace(CAMPAIGN, single_use=True)}, session=session_with(outcome))
    stand.ledger.uses["acme", "used"] = "ses_another"

    async with serving(stand) as client:
        answer = await client.post("/c/spring?play=1", headers={**cookie(), "Accept-Language": "fr"})
        page = await page_of(answer)

    assert answer.status == 409
    assert said in page.text
    assert SESSION_ID[-8:] in page.text
    assert stand.ledger.plays == {}


async def test_form_sent_while_its_token_is_not_judged_asks_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SUBMIT_WAIT_SECONDS", 0.01)
    stand = Stand(session=session_with(None, Stage.VERIFY))

    async with serving(stand) as client:
        answer = await client.post("/c/spring?play=1", headers=cookie())
        page = await page_of(answer)

    assert answer.status == 409
    assert "One moment, please" in page.text


async def test_form_without_a_session_is_played_anonymously_where_no_token_is_required() -> None:
    stand = Stand({"spring": replace(CAMPAIGN, mode=Mode.OPTIONAL)}, session=session_with(ANONYMOUS))

    async with serving(stand) as client:
        answer = await client.post("/c/spring?play=1", allow_redirects=False)

    assert answer.status == 303
    assert answer.cookies[NAME].value.startswith(SESSION_ID)
    assert [(arrival.token, arrival.idempotency_key) for arrival in stand.arrivals] == [(None, "1")]
    assert len(stand.ledger.plays) == 1


async def test_form_without_a_session_is_refused_where_a_token_is_required() -> None:
    stand = Stand()

    async with serving(stand) as client:
        answer = await client.post("/c/spring?play=1")
        page = await page_of(answer)

    assert answer.status == 403
    assert "We could not recognise you" in page.text
    assert stand.arrivals == []


async def test_exit_without_a_session_leads_to_the_beginning() -> None:
    async with serving(Stand()) as client:
        answer = await client.get("/c/spring/thanks", allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/c/spring")


async def test_form_made_for_another_session_of_the_browser_is_not_played_for_this_one() -> None:
    stand = stand_with(Limit(nb=3))

    async with serving(stand) as client:
        answer = await client.post("/c/spring?play=1&of=zzzzzzzz", headers=cookie())
        page = await page_of(answer)

    assert answer.status == 409
    assert "You went on elsewhere" in page.text
    assert "/c/spring" in page.links
    assert stand.ledger.plays == {}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        pytest.param(ANONYMOUS, 303, id="sent-again"),
        pytest.param(accepted(READY), 409, id="recognised-meanwhile"),
    ],
)
async def test_form_made_for_nobody_is_played_in_a_session_of_nobody_alone(outcome: Outcome, status: int) -> None:
    stand = Stand({"spring": replace(CAMPAIGN, mode=Mode.OPTIONAL)}, session=session_with(outcome))

    async with serving(stand) as client:
        answer = await client.post("/c/spring?play=1&of=", headers=cookie(), allow_redirects=False)

    assert answer.status == status
    assert len(stand.ledger.plays) == (status == 303)


async def test_session_that_is_not_the_one_the_page_was_made_for_is_unknown_to_its_script() -> None:
    async with serving(stand_with(Limit())) as client:
        statuses = [
            (await client.get(f"/c/spring/session?of={of}", headers=cookie())).status
            for of in (SESSION_ID[-8:], "zzzzzzzz", "")
        ]

    assert statuses == [200, 404, 404]
