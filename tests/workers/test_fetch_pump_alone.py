"""The pump with sessions that have killed two processes, and with calls that end in a way that nobody foresaw."""

import asyncio
from time import perf_counter

from tests.workers.fake_rows import FakeRows
from tests.workers.scripted_fetch import ScriptedFetch, pump_of, running, until


def add_suspects(rows: FakeRows, number: int) -> None:
    rows.add("fetch", number)
    rows._run("UPDATE rows SET crashes = 2")


async def test_pump_with_suspects_works_on_each_alone(fetch: ScriptedFetch, rows: FakeRows) -> None:
    add_suspects(rows, 3)
    rows.add("fetch", 5)

    async with running(pump_of(fetch, sweep_seconds=0.05)):
        await until(lambda: fetch.in_flight == 5 and rows.count("lease_until IS NOT NULL") == 6)
        with_company = fetch.most_in_flight
        fetch.most_in_flight = 0
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 8)

    assert with_company == 5
    assert fetch.most_in_flight == 1


async def test_pump_with_many_suspects_waits_for_the_others_only_once(fetch: ScriptedFetch, rows: FakeRows) -> None:
    add_suspects(rows, 20)
    rows.add("fetch", 5)

    async with running(pump_of(fetch)):  # which sweeps once, when it starts
        await until(lambda: fetch.in_flight == 5)
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 25)

    assert rows.count("attempts = 1") == 25


async def test_drain_while_a_suspect_waits_for_the_others_lets_them_end_and_no_longer(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    add_suspects(rows, 1)
    rows.add("fetch", 2)
    pump = pump_of(fetch, capacity=1)
    await pump.start()
    await until(lambda: fetch.in_flight == 1 and len(pump.held) == 3)

    asyncio.get_running_loop().call_later(0.2, fetch.gate.set)
    began = perf_counter()
    given_back = await pump.drain(10)

    assert perf_counter() - began < 5
    assert given_back == 2
    assert rows.count("stage = 'done'") == 1
    assert rows.count("lease_until IS NULL AND attempts = 0") == 2


async def test_pump_with_a_call_that_crashes_keeps_no_lease_of_it(fetch: ScriptedFetch, rows: FakeRows) -> None:
    (fetch.uncallable, *_) = rows.add("fetch", 5)
    fetch.gate.set()

    async with running(pump_of(fetch)) as pump:
        await until(lambda: rows.count("stage = 'done'") == 4 and not len(pump.held))

    assert rows.count("lease_until IS NOT NULL AND attempts = 1") == 1
