"""Partners that are slow, dead or limited, beside one that is well: real servers, a real pump, a real database."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from app.adapters.database.partner_health import SqlPartnerHealth
from app.domain.health import paused, resumed
from tests.doubles.http_double import Behaviour, HttpDouble, http_answer, sends, serving
from tests.workers.fake_rows import TestClock
from tests.workers.pumping import Pumping, api, pumping

RATE = 50.0
ANSWER = http_answer(b'{"form": {"firstname": "Ada"}}')


def answers_after(seconds: float, seen: list[int]) -> Behaviour:
    """Answer late; `seen` notes how many calls were open at each."""
    open_calls = 0

    async def behave(writer: asyncio.StreamWriter) -> None:
        nonlocal open_calls
        open_calls += 1
        seen.append(open_calls)
        await asyncio.sleep(seconds)
        open_calls -= 1
        await sends(ANSWER)(writer)

    return behave


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
    else:
        yield str(request.getfixturevalue("postgres_url"))


def made(url: str, **partners: tuple[HttpDouble, int, float, float | None]) -> Pumping:
    return pumping(
        url, {id_: api(double.port, most, seconds, rate) for id_, (double, most, seconds, rate) in partners.items()}
    )


@pytest.mark.timed
async def test_dead_partner_at_ten_times_the_volume_leaves_another_its_throughput(url: str) -> None:
    async with serving(answers_after(0.1, [])) as well, serving(answers_after(60, [])) as dead:
        work = made(url, acme=(well, 20, 5, None), dead=(dead, 50, 1, None))
        health = SqlPartnerHealth(work.database)
        health.change({"dead": lambda one: paused(one, "the test")}, TestClock().now())
        work.wait("dead", 2500)
        work.wait("acme", 250)

        async with work.pump(capacity=200) as pump:
            calm = await work.until_done("acme", 250)
            health.change({"dead": resumed}, TestClock().now())
            await asyncio.to_thread(work.wait, "acme", 250)
            pump.wake()
            beside = await work.until_done("acme", 500)
        called = len(dead.requests)
        work.database.dispose()

    assert called >= 20
    assert beside < calm * 1.6 + 0.5, f"calm {calm:.2f} s, beside the dead {beside:.2f} s"


async def test_partner_is_called_at_most_as_often_at_once_as_it_allows(url: str) -> None:
    open_calls: list[int] = []
    async with serving(answers_after(0.05, open_calls)) as double:
        work = made(url, acme=(double, 7, 5, None))
        work.wait("acme", 100)

        async with work.pump(), work.pump():
            await work.until_done("acme", 100)
        work.database.dispose()

    assert max(open_calls) == 7
    assert len(open_calls) == 100


@pytest.mark.timed
async def test_partner_with_a_rate_is_called_at_that_rate_by_all_processes_together(url: str) -> None:
    called_at: list[float] = []

    async def behave(writer: asyncio.StreamWriter) -> None:
        called_at.append(perf_counter())
        await sends(ANSWER)(writer)

    async with serving(behave) as double:
        work = made(url, acme=(double, 50, 5, RATE))
        work.wait("acme", 200)

        async with work.pump(), work.pump():
            await work.until_done("acme", 200)
        work.database.dispose()

    overall = (200 - 1) / (called_at[-1] - called_at[0])
    # A busy machine may hold everybody up for a moment, and nobody makes up for that: most of the time counts.
    usual = 1 / median((later - earlier) / 10 for earlier, later in zip(called_at, called_at[10:], strict=False))
    assert overall <= RATE * 1.1
    assert RATE * 0.9 <= usual <= RATE * 1.1, f"{usual:.1f} calls a second"


async def test_dead_partner_costs_its_sessions_no_attempt_once_the_breaker_is_open(url: str) -> None:
    async with serving(http_answer(b"{}", "503 Service Unavailable")) as double:
        work = made(url, acme=(double, 20, 5, None))
        work.wait("acme", 250)

        async with work.pump():
            async with asyncio.timeout(20):
                while work.count("acme", "attempts = 0 AND error_class IS NULL") == 0 or not _is_open(work):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            called = len(double.requests)
            await asyncio.sleep(1.5)
            later = len(double.requests)
        untouched = work.count("acme", "stage = 'fetch' AND attempts = 0")
        work.database.dispose()

    assert later <= called + 20
    assert called < 150
    assert untouched >= 100


async def test_partner_that_asks_to_be_left_alone_is_called_again_when_it_is_resumed(url: str) -> None:
    busy = True

    async def behave(writer: asyncio.StreamWriter) -> None:
        await sends(http_answer(b"{}", "429 Too Many Requests", retry_after="3600") if busy else ANSWER)(writer)

    async with serving(behave) as double:
        work = made(url, acme=(double, 1, 5, None))
        work.wait("acme", 20)

        async with work.pump() as pump:
            async with asyncio.timeout(20):
                while not double.requests:  # noqa: ASYNC110 - a server tells nobody
                    await asyncio.sleep(0.02)
            await asyncio.sleep(1.5)
            called = len(double.requests)
            busy = False
            SqlPartnerHealth(work.database).change({"acme": resumed}, TestClock().now())
            pump.wake()
            await work.until_done("acme", 19)
        work.database.dispose()

    assert called == 1


def _is_open(work: Pumping) -> bool:
    return SqlPartnerHealth(work.database).load(["acme"])["acme"].breaker.opened_until is not None
