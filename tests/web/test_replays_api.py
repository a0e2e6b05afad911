"""`/v1/dead-letters`, `/v1/replays` and the timeline: bodies compared whole."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from app.domain.replay import ReplayState
from app.management_ports import DocumentKind
from app.reasons import PrefillReason
from tests.builders import NOW
from tests.builders import replay as a_replay
from tests.documents.examples import partner_body
from tests.web.burying import bury
from tests.web.management import Management

ACME = {"filter": {"partner_id": "acme"}}
RPL = "rpl_" + "01" * 12


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        running.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, NOW)
        yield running


def problem(status: int, code: str, title: str, detail: str, instance: str, **more: object) -> dict[str, object]:
    return {
        "type": f"/docs/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": "test-1",
        **more,
    }


def invalid(instance: str, *mistakes: tuple[str, str]) -> dict[str, object]:
    errors = [{"path": path, "reason": reason} for path, reason in mistakes]
    detail = "The request has mistakes; each is listed in errors."
    return problem(422, "request_invalid", "Invalid request", detail, instance, errors=errors)


async def test_dead_letters_are_listed_without_a_person(management: Management) -> None:
    good = bury(management)
    final = bury(management, PrefillReason.AUTH)

    answer = await management.call("GET", "/v1/dead-letters")

    item = {
        "session_id": good,
        "partner_id": "acme",
        "campaign_id": "945645",
        "error_class": "timeout",
        "attempts": 1,
        "received_at": "2027-03-01T12:00:00.123Z",
        "died_at": "2027-03-01T12:00:00.123Z",
        "expires_at": "2027-03-02T12:00:00.123Z",
        "replayable": True,
        "skip_reason": None,
    }
    unlike = {"session_id": final, "error_class": "auth", "replayable": False, "skip_reason": "final_class"}
    assert answer.status == 200
    assert await answer.json() == {"items": [item, {**item, **unlike}], "cursor": None}


async def test_dead_letters_are_listed_page_by_page(management: Management) -> None:
    ids = [bury(management) for _ in range(3)]

    first = await (await management.call("GET", "/v1/dead-letters?limit=2")).json()
    second = await (await management.call("GET", f"/v1/dead-letters?limit=2&cursor={first['cursor']}")).json()

    assert [item["session_id"] for item in (*first["items"], *second["items"])] == ids
    assert second["cursor"] is None


async def test_dead_letters_are_listed_by_filter(management: Management) -> None:
    bury(management)
    wanted = bury(management, PrefillReason.DNS, partner_id="globex")

    query = "partner_id=globex&campaign_id=945645&error_class=dns&since=2027-03-01T12:00:00Z&until=2027-03-01T13:00:00Z"
    listed = await (await management.call("GET", f"/v1/dead-letters?{query}")).json()

    assert [item["session_id"] for item in listed["items"]] == [wanted]


async def test_query_with_mistakes_lists_them_all(management: Management) -> None:
    query = "error_class=tired&since=yesterday&cursor=%25&limit=0&colour=red"

    answer = await management.call("GET", f"/v1/dead-letters?{query}")

    classes = ", ".join(PrefillReason)
    moment = "This must be a moment with its offset, such as 2027-03-01T00:00:00Z (RFC 3339)."
    assert answer.status == 422
    assert await answer.json() == invalid(
        "/v1/dead-letters",
        ("since", moment),
        ("error_class", f"This must be one of {classes}."),
        ("cursor", "This is not a cursor that a list has given."),
        ("limit", "This must be a whole number from 1 to 200."),
        ("colour", "There is no member of this name."),
    )


async def test_query_that_says_a_thing_twice_is_refused(management: Management) -> None:
    answer = await management.call("GET", "/v1/dead-letters?limit=1&limit=2")

    assert await answer.json() == invalid("/v1/dead-letters", ("limit", "This stands here twice."))


async def test_dead_letter_is_read_with_its_prefill(management: Management) -> None:
    id_ = bury(management)

    answer = await management.call("GET", f"/v1/dead-letters/{id_}")

    assert answer.status == 200
    assert await answer.json() == {
        "session_id": id_,
        "partner_id": "acme",
        "campaign_id": "945645",
        "stage": "dead",
        "error_class": "timeout",
        "received_at": "2027-03-01T12:00:00.123Z",
        "expires_at": "2027-03-02T12:00:00.123Z",
        "prefill": {
            "status": "ready",
            "source": "token",
            "reason": None,
            "form": {"firstname": "Ada"},
            "optin": {"newsletter": "1"},
            "warnings": [],
        },
    }


async def test_replay_is_started_and_its_progress_told(management: Management) -> None:
    bury(management)
    bury(management, PrefillReason.CONTRACT)

    started = await management.call("POST", "/v1/replays", json={**ACME, "rate_per_second": 5})
    found = await management.call("GET", started.headers["Location"])

    assert started.status == 202
    assert await started.json() == {
        "replay_id": RPL,
        "matched": 2,
        "skipped": 1,
        "by_error_class": {"contract": 1, "timeout": 1},
        "by_skip_reason": {"final_class": 1},
    }
    assert found.status == 200
    assert await found.json() == {
        "replay_id": RPL,
        "state": "running",
        "filter": {"partner_id": "acme"},
        "rate_per_second": 5,
        "force": False,
        "started_by": "admin",
        "matched": 2,
        "moved": 0,
        "skipped": 0,
        "left": 2,
        "waiting": 0,
        "done": 0,
        "dead": 0,
        "created_at": "2027-03-01T12:00:00.123Z",
        "updated_at": "2027-03-01T12:00:00.123Z",
    }


async def test_replay_shows_the_times_of_its_filter_in_utc(management: Management) -> None:
    since = {"since": "2027-03-01T12:00:00+02:00"}

    started = await management.call("POST", "/v1/replays", json={"filter": since})

    found = await (await management.call("GET", started.headers["Location"])).json()
    assert found["filter"] == {"since": "2027-03-01T10:00:00.000Z"}


async def test_dry_run_keeps_no_replay(management: Management) -> None:
    bury(management)

    answer = await management.call("POST", "/v1/replays", json={**ACME, "dry_run": True})

    counts = {"matched": 1, "skipped": 0, "by_error_class": {"timeout": 1}, "by_skip_reason": {}}
    assert (answer.status, answer.headers.get("Location")) == (202, None)
    assert await answer.json() == {"replay_id": None, **counts}
    assert management.replays.rows == {}


@pytest.mark.parametrize(
    ("command", "state"),
    [
        pytest.param("pause", "paused", id="pause"),
        pytest.param("resume", "running", id="resume"),
        pytest.param("cancel", "cancelled", id="cancel"),
    ],
)
async def test_replay_is_steered(management: Management, command: str, state: str) -> None:
    management.replays.add(a_replay())

    answer = await management.call("POST", f"/v1/replays/rpl_1/{command}")

    body = await answer.json()
    assert (answer.status, body["state"], body["replay_id"]) == (200, state, "rpl_1")
    assert management.replays.rows["rpl_1"].state == state


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        pytest.param({}, [("filter", "This member is required.")], id="nothing"),
        pytest.param(
            {"filter": {}},
            [
                (
                    "filter",
                    "This must have at least one of partner_id, campaign_id, error_class, since and until.",
                )
            ],
            id="empty-filter",
        ),
        pytest.param(
            {"filter": {"partner_id": None}},
            [
                (
                    "filter",
                    "This must have at least one of partner_id, campaign_id, error_class, since and until.",
                )
            ],
            id="filter-of-null",
        ),
        pytest.param(
            {"filter": {"since": "2027-03-01T00:00:00Z", "until": "2027-03-01T00:00:00Z"}},
            [("filter.until", "This must be later than since.")],
            id="empty-window",
        ),
        pytest.param(
            {"filter": {"partner": "acme"}, "rate_per_second": 0, "force": "yes", "dry_run": 1, "speed": 1},
            [
                ("filter.partner", "There is no member of this name."),
                ("rate_per_second", "This must be at least 0.1."),
                ("force", "This must be true or false."),
                ("dry_run", "This must be true or false."),
                ("speed", "There is no member of this name."),
            ],
            id="everything",
        ),
    ],
)
async def test_replay_with_mistakes_lists_them_all(
    management: Management, body: Mapping[str, object], mistakes: list[tuple[str, str]]
) -> None:
    answer = await management.call("POST", "/v1/replays", json=body)

    assert answer.status == 422
    assert await answer.json() == invalid("/v1/replays", *mistakes)


async def test_second_active_replay_of_a_partner_is_refused(management: Management) -> None:
    bury(management)
    management.replays.add(a_replay(state=ReplayState.PAUSED))

    answer = await management.call("POST", "/v1/replays", json=ACME)

    assert answer.status == 409
    assert await answer.json() == problem(
        409,
        "replay_active",
        "Replay active",
        "A replay of the same partner is running or paused.",
        "/v1/replays",
    )


async def test_replay_of_a_partner_that_is_not_there_is_refused(management: Management) -> None:
    answer = await management.call("POST", "/v1/replays", json={"filter": {"partner_id": "acne"}})

    assert answer.status == 404
    assert await answer.json() == problem(
        404, "partner_unknown", "Unknown partner", "There is no partner of this id.", "/v1/replays"
    )
    assert management.replays.rows == {}


async def test_replay_that_is_over_cannot_be_resumed(management: Management) -> None:
    management.replays.add(a_replay(state=ReplayState.DONE))

    answer = await management.call("POST", "/v1/replays/rpl_1/resume")

    assert answer.status == 409
    assert await answer.json() == problem(
        409, "replay_over", "Replay over", "The replay is done or cancelled.", "/v1/replays/rpl_1/resume"
    )


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        pytest.param("GET", "/v1/replays/rpl_1", "replay_unknown", id="replay"),
        pytest.param("POST", "/v1/replays/rpl_1/cancel", "replay_unknown", id="command"),
        pytest.param("GET", "/v1/dead-letters/{session}", "session_unknown", id="dead-letter"),
        pytest.param("GET", "/v1/sessions/{session}/timeline", "session_unknown", id="timeline"),
        pytest.param("GET", "/v1/dead-letters?partner_id=acme", "partner_unknown", id="list"),
    ],
)
async def test_client_of_another_partner_finds_nothing(
    management: Management, method: str, path: str, code: str
) -> None:
    session = bury(management)
    management.replays.add(a_replay())
    management.with_client("globex", partner_id="globex")

    answer = await management.call(method, path.format(session=session), "globex")

    assert (answer.status, (await answer.json())["code"]) == (404, code)


async def test_replay_that_is_not_there_is_unknown(management: Management) -> None:
    answer = await management.call("GET", "/v1/replays/rpl_9")

    assert answer.status == 404
    assert await answer.json() == problem(
        404, "replay_unknown", "Unknown replay", "There is no replay of this id.", "/v1/replays/rpl_9"
    )


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        pytest.param("GET", "/v1/dead-letters", "prefills:read", id="list"),
        pytest.param("GET", "/v1/dead-letters/ses_1", "prefills:read", id="read"),
        pytest.param("POST", "/v1/replays", "prefills:replay", id="start"),
        pytest.param("GET", "/v1/replays/rpl_1", "prefills:replay", id="progress"),
        pytest.param("POST", "/v1/replays/rpl_1/pause", "prefills:replay", id="pause"),
        pytest.param("POST", "/v1/replays/rpl_1/resume", "prefills:replay", id="resume"),
        pytest.param("POST", "/v1/replays/rpl_1/cancel", "prefills:replay", id="cancel"),
        pytest.param("GET", "/v1/sessions/ses_1/timeline", "sessions:read", id="timeline"),
    ],
)
async def test_call_needs_its_scope(management: Management, method: str, path: str, scope: str) -> None:
    scopes = {"prefills:read", "prefills:replay", "sessions:read", "stats:read"}
    management.with_client("little", *(scopes - {scope}))
    management.with_client("right", scope)

    refused = await management.call(method, path, "little")
    let_in = await management.call(method, path, "right")

    assert (refused.status, (await refused.json())["code"]) == (403, "scope_missing")
    assert let_in.status != 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/v1/dead-letters/%00", 404, id="dead-letter"),
        pytest.param("/v1/replays/%00", 404, id="replay"),
        pytest.param("/v1/sessions/%00/timeline", 404, id="timeline"),
        pytest.param("/v1/dead-letters?cursor=AA==", 422, id="cursor"),
        pytest.param("/v1/dead-letters?partner_id=%00", 422, id="filter"),
    ],
)
async def test_nul_never_reaches_the_store(management: Management, path: str, status: int) -> None:
    answer = await management.call("GET", path)

    assert answer.status == status


async def test_timeline_tells_what_happened(management: Management) -> None:
    id_ = bury(management)

    answer = await management.call("GET", f"/v1/sessions/{id_}/timeline")

    at = "2027-03-01T12:00:00.123Z"
    attempted = {"attempt": 1, "error_class": "timeout", "status": 503, "duration_ms": 30000.0}
    assert answer.status == 200
    assert await answer.json() == {
        "events": [
            {"at": at, "event": "received"},
            {"at": at, "event": "verified", "token_status": "accepted", "reason": None},
            {"at": at, "event": "attempted", **attempted},
            {"at": at, "event": "saved", "stage": "dead", "error_class": "timeout"},
        ]
    }


async def test_timeline_of_no_session_is_unknown(management: Management) -> None:
    answer = await management.call("GET", "/v1/sessions/ses_9/timeline")

    assert answer.status == 404
    assert await answer.json() == problem(
        404, "session_unknown", "Unknown session", "There is no session of this id.", "/v1/sessions/ses_9/timeline"
    )
