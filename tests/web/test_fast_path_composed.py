"""The fast lane of the composed process: behind TLS, behind proxies, with its limits and its overload."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aiohttp import ClientSession

from app.adapters.database.engine import open_database
from app.adapters.database.migrate import migrate
from app.ports import Configuration
from app.settings import Settings
from app.web.server import build
from app.web.shedding import Shedding
from tests.builders import JWS, campaign

pytestmark = pytest.mark.usefixtures("campaigns_are_remembered")

ORIGIN = "https://v.example"
LONG_WAY = {"Content-Encoding": "identity"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    database = open_database(f"sqlite:///{tmp_path / 'vestibule.sqlite3'}", "test")
    migrate(database)
    database.dispose()
    return Settings(data_dir=tmp_path, port=0, admin_port=0, web_grace_seconds=5, public_url=ORIGIN)


@asynccontextmanager
async def _served(settings: Settings, **changes: object) -> AsyncIterator["Public"]:
    process = build(settings.model_copy(update=changes))
    campaigns = process.ingress.campaigns
    known = Configuration({"945645": campaign()})
    campaigns._remember(frozenset({"945645"}), known, monotonic(), campaigns._generation)
    _, (host, port) = await process.sites.start()
    try:
        async with ClientSession(f"http://{host}:{port}") as client:
            yield Public(client)
    finally:
        await process.sites.stop()
        await process.close()


class Public:
    def __init__(self, client: ClientSession) -> None:
        self._client = client

    async def post(self, **headers: str) -> tuple[int, dict[str, str], Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._client.post("/v1/campaigns/945645/sessions", json={"token": JWS}, headers=sent) as answer:
            return answer.status, dict(answer.headers), await answer.json(content_type=None)

    async def read(self, opened: Any, query: str = "") -> tuple[int, dict[str, str], Any]:
        key = {"Authorization": f"Bearer {opened['session_key']}"}
        async with self._client.get(f"/v1/sessions/{opened['session_id']}{query}", headers=key) as answer:
            return answer.status, dict(answer.headers), await answer.json(content_type=None)


async def test_session_is_opened_and_read_in_the_lane_of_the_process(
    settings: Settings, lane_takes: list[bool]
) -> None:
    async with _served(settings) as public:
        status, headers, opened = await public.post()
        read = await public.read(opened)
        waited = await public.read(opened, "?wait=1")

    assert (status, read[0], waited[0]) == (202, 200, 200)
    assert read[2] == waited[2]
    assert headers["Location"] == f"/v1/sessions/{opened['session_id']}"
    assert lane_takes == [True, True, True]


async def test_answers_of_both_ways_tell_browsers_to_come_by_tls(settings: Settings, lane_takes: list[bool]) -> None:
    async with _served(settings) as public:
        for headers in ({"Origin": ORIGIN}, {"Origin": ORIGIN, **LONG_WAY}):
            status, sent, opened = await public.post(**headers)
            _, read, _ = await public.read(opened, "?wait=0" if headers == {"Origin": ORIGIN} else "?wait=0.0")

            assert (status, sent["Access-Control-Allow-Origin"]) == (202, ORIGIN)
            assert sent["Strict-Transport-Security"] == read["Strict-Transport-Security"] == "max-age=31536000"

    assert lane_takes == [True, True, False, False]


async def test_arrivals_that_both_ways_send_away_are_told_the_same(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, lane_takes: list[bool]
) -> None:
    monkeypatch.setattr(Shedding, "has_room", False)
    async with _served(settings) as public:
        fast = await public.post(X_Request_ID="mine")
        slow = await public.post(X_Request_ID="mine", Expect="100-continue")

    assert lane_takes == [True]
    assert fast[0] == slow[0] == 429
    assert fast[2] == slow[2]
    assert {**fast[1], "Date": ""} == {**slow[1], "Date": ""}


async def test_address_is_the_one_that_a_trusted_proxy_names(settings: Settings, lane_takes: list[bool]) -> None:
    trusted = {"trusted_proxy_cidrs": (ip_network("127.0.0.0/8"),), "sessions_per_minute_per_address": 2}
    async with _served(settings, **trusted) as public:
        one = [(await public.post(X_Forwarded_For="192.0.2.1"))[0] for _ in range(2)]
        limited = [(await public.post(X_Forwarded_For="192.0.2.1", **way))[0] for way in ({}, LONG_WAY)]
        other = [(await public.post(X_Forwarded_For="192.0.2.2", **way))[0] for way in ({}, LONG_WAY)]

    assert (one, limited, other) == ([202, 202], [429, 429], [202, 202])
    assert lane_takes == [True, True, True, False, True, False]
