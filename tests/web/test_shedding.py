"""Who is sent away in front of the application, and who is not."""

from dataclasses import dataclass

from structlog.testing import capture_logs

from app.web.shedding import Shedding
from tests.builders import JWS
from tests.web.stage import ORIGIN, eventually, staged


@dataclass(slots=True)
class Line:
    has_room: bool = True
    late: int = 0

    def send_away(self) -> float:
        return 2.5

    def note_late(self) -> None:
        self.late += 1


async def test_arrival_is_sent_away_while_there_is_no_room_and_sessions_are_read() -> None:
    seen: list[tuple[str, str, int]] = []
    line = Line()
    shedding = Shedding(line, lambda method, route, status, _: seen.append((method, route, status)))
    async with staged(shedding=shedding) as stage:
        known = (await stage.post({"token": JWS})).body
        line.has_room = False

        refused = await stage.post({"token": JWS}, {"Origin": ORIGIN, "X-Request-ID": "mine"})
        read = await stage.read(known["session_id"], known["session_key"])

        assert refused.status == 429
        assert refused.headers["Retry-After"] == "3"
        assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert refused.headers["Cache-Control"] == "no-store"
        assert refused.body["code"] == "overloaded"
        assert refused.body["request_id"] == refused.headers["X-Request-ID"] == "mine"
        assert seen == [("POST", "/v1/campaigns/{campaign_id}/sessions", 429)]
        assert len(stage.store.calls["add"]) == 1
        assert read.status == 200


async def test_connection_of_one_who_was_sent_away_serves_on() -> None:
    line = Line(has_room=False)
    async with staged(shedding=Shedding(line, lambda *_: None)) as stage:
        assert [(await stage.post({"token": JWS})).status for _ in range(3)] == [429, 429, 429]
        line.has_room = True

        assert (await stage.post({"token": JWS})).status == 202


async def test_all_who_were_sent_away_make_one_event() -> None:
    with capture_logs() as logs:
        async with staged(shedding=Shedding(Line(has_room=False), lambda *_: None)) as stage:
            for _ in range(5):
                await stage.post({"token": JWS})
            await eventually(lambda: any(entry["event"] == "arrivals.shed" for entry in logs))

    assert [entry["requests"] for entry in logs if entry["event"] == "arrivals.shed"] == [5]
