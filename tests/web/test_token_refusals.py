"""Tokens that no session comes of: each leaves a line and a count, whichever way it came in."""

from collections.abc import MutableMapping, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from app.domain.campaign import Mode
from app.domain.shape import MAX_TOKEN_BYTES
from app.web.token_refusals import TokenRefusals
from tests.builders import JWS
from tests.web.page_stand import Stand, serving
from tests.web.stage import Stage, change_campaign, staged

LONG = "a" * (MAX_TOKEN_BYTES + 1)
TURNED_AWAY = [
    pytest.param("e30.e30", "token_malformed", id="cut-short"),
    pytest.param(LONG, "token_too_large", id="too-long"),
]


def _counted(refusals: TokenRefusals) -> list[str]:
    registry = CollectorRegistry()
    registry.register(refusals)
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def _rejections(logs: Sequence[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [line for line in logs if line["event"] == "token.rejected"]


def _refusals_of(stage: Stage) -> TokenRefusals:
    return stage.ingress.participants.refusals


@pytest.mark.parametrize(("token", "reason"), TURNED_AWAY)
async def test_token_that_the_interface_turns_away_is_logged_and_counted_by_partner(token: str, reason: str) -> None:
    async with staged() as stage:
        with capture_logs() as logs:
            answer = await stage.post({"token": token})

        assert answer.body["code"] == reason
        assert _rejections(logs) == [
            {
                "event": "token.rejected",
                "log_level": "info",
                "campaign_id": "945645",
                "partner_id": "acme",
                "reason": reason,
            }
        ]
        assert _counted(_refusals_of(stage)) == [
            f'vestibule_tokens_not_taken_total{{partner="acme",reason="{reason}"}} 1.0'
        ]


async def test_token_that_a_page_turns_away_is_logged_and_counted_by_partner() -> None:
    stand = Stand()

    async with serving(stand) as client:
        with capture_logs() as logs:
            await client.get("/c/spring?token=e30.e30", allow_redirects=False)

    assert [(line["partner_id"], line["reason"]) for line in _rejections(logs)] == [("acme", "token_malformed")]


async def test_what_brings_no_token_or_one_that_is_taken_is_no_refusal() -> None:
    async with staged() as stage:
        change_campaign(stage, mode=Mode.REQUIRED)
        with capture_logs() as logs:
            statuses = [(await stage.post(body)).status for body in ({}, {"token": JWS})]

        assert statuses == [422, 202]
        assert _rejections(logs) == []
        assert _counted(_refusals_of(stage)) == []
