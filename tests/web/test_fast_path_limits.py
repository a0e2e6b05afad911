"""With the fast lane and without it, as many requests pass, and those that do not are told the same."""

from typing import Final

import pytest

from app.web.limits import TokenBuckets
from app.web.shedding import Shedding
from tests.web.alike import OLD, PENDING, SETTLED, both
from tests.web.stage import ORIGIN, Stage
from tests.web.test_shedding import Line
from tests.web.wire import OPEN, get, post

pytestmark = pytest.mark.usefixtures("logs_on_stderr", "campaigns_are_remembered")

MALFORMED: Final = post(body=b'{"token":"a.b"}')
USED_UP: Final = 2
"""Sessions that were asked for before a test's own requests."""


def _few() -> TokenBuckets:
    return TokenBuckets(per_second=1 / 3600, burst=USED_UP + 3)


@pytest.mark.parametrize("limit", ["per_address", "per_campaign"])
async def test_as_many_sessions_pass_a_limit(
    limit: str, capfd: pytest.CaptureFixture[str], lane_takes: list[bool]
) -> None:
    sent = [post("X-Forwarded-For: 192.0.2.1"), MALFORMED, post("Content-Encoding: identity"), post(), MALFORMED]
    over = [post(f"Origin: {ORIGIN}", "X-Request-ID: mine"), post(kind="Content-Type: text/plain"), get(SETTLED)]

    fast, slow = await both(capfd, *sent, *over, made={limit: _few})

    assert [line.split()[1] for line, _, _ in fast.answers] == ["202", "422", "202", "429", "429", "429", "429", "200"]
    assert fast == slow
    assert lane_takes[USED_UP:] == [True, False, False, True, False, True, False, True]


async def test_refused_token_counts_once(capfd: pytest.CaptureFixture[str]) -> None:
    fast, slow = await both(capfd, *[MALFORMED] * 3, post(), made={"per_address": _few})

    assert [line.split()[1] for line, _, _ in fast.answers] == ["422", "422", "422", "429"]
    assert fast == slow


async def test_arrivals_without_room_are_sent_away_alike(
    capfd: pytest.CaptureFixture[str], lane_takes: list[bool]
) -> None:
    lines: list[Line] = []
    seen: list[tuple[str, str, int, float]] = []

    def make() -> Shedding:
        lines.append(Line())
        return Shedding(lines[-1], lambda *request: seen.append(request))

    def fill(_: Stage) -> None:
        lines[-1].has_room = False

    sent = [
        post(),
        post(f"Origin: {ORIGIN}", "X-Request-ID: mine"),
        post("Origin: https://evil.example"),
        post("Origin: \xff"),
        post(body=b'{"token":"a.b"}'),
        post("Idempotency-Key: 1"),
        post(kind="", body=b""),
        post(target="/v1/campaigns/nobody/sessions"),
        post(target=OPEN + "?a=b"),
        post("Connection: close"),
        get(SETTLED),
    ]
    fast, slow = await both(capfd, *sent, prepare=fill, made={"shedding": make})

    assert [line.split()[1] for line, _, _ in fast.answers] == ["429"] * 10 + ["200"]
    assert fast == slow
    assert seen == [("POST", "/v1/campaigns/{campaign_id}/sessions", 429, 0.0)] * 20
    assert lane_takes[USED_UP:] == [True] * 7 + [False, True]


async def test_arrival_that_the_queue_has_no_room_for_is_told_alike(
    capfd: pytest.CaptureFixture[str], lane_takes: list[bool]
) -> None:
    def fill(stage: Stage) -> None:
        stage.ingress.participants.intake._admission.most = 0

    sent = [post(), post(f"Origin: {ORIGIN}"), post("Idempotency-Key: 1")]
    fast, slow = await both(capfd, *sent, prepare=fill, made={"shedding": lambda: Shedding(Line(), lambda *_: None)})

    assert [line.split()[1] for line, _, _ in fast.answers] == ["429"] * 3
    assert fast == slow
    assert lane_takes[USED_UP:] == [True, True, True]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([post("X-Request-ID: mine"), post(f"Origin: {ORIGIN}")], id="post"),
        pytest.param([get(SETTLED, "X-Request-ID: mine"), get(SETTLED, query="?wait=1")], id="get"),
        pytest.param([get(PENDING, f"Origin: {ORIGIN}", query="?wait=1"), post()], id="young-wait"),
        pytest.param([get(OLD, query="?wait=1"), get(PENDING, query="?wait=1")], id="old-wait"),
    ],
)
async def test_request_while_the_store_is_lost_is_told_alike(
    sent: list[bytes], capfd: pytest.CaptureFixture[str], lane_takes: list[bool]
) -> None:
    def lose(stage: Stage) -> None:
        stage.store.is_lost = True

    fast, slow = await both(capfd, *sent, prepare=lose)

    assert [line.split()[1] for line, _, _ in fast.answers] == ["503", "503"]
    assert fast == slow
    assert lane_takes[USED_UP] is True
