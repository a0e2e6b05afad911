"""The pump: never more in hand than there is room for, saved in batches, leases kept alive, drained without a trace."""

import asyncio
import threading
import time
from datetime import timedelta
from time import perf_counter

import pytest

from app.errors import StoreUnavailable
from tests.workers.fake_rows import FakeRows
from tests.workers.scripted_fetch import (
    ClaimOfTwoPartners,
    LateClaim,
    ScriptedFetch,
    busy_pump,
    pump_of,
    running,
    until,
)
from workers import pump as pumps
from workers.call_slots import calls_at_once


async def test_pump_with_more_due_than_room_calls_up_to_its_capacity_and_claims_little_ahead(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 50)

    async with running(pump_of(fetch, capacity=10, claim_rows=4)):
        await until(lambda: fetch.in_flight == 10 and rows.count("lease_until IS NOT NULL") == 11)
        await asyncio.sleep(0.05)
        leased = rows.count("lease_until IS NOT NULL")
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 50)

    assert leased == 11
    assert fetch.most_in_flight == 10


async def test_pump_calls_one_partner_up_to_its_part_and_another_beside_it(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    pump = pump_of(fetch, capacity=8, of_one=6)
    pump.claim = claim = ClaimOfTwoPartners(pump.claim)
    rows.add("fetch", 7)

    async with running(pump):
        await until(lambda: fetch.in_flight == 6 and rows.count("lease_until IS NOT NULL") == 7)
        claim.quick |= set(rows.add("fetch", 1))
        pump.wake()
        await until(lambda: fetch.in_flight_of["quick"] == 1)
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 8)

    assert fetch.most_of == {"slow": 6, "quick": 1}


def test_process_makes_a_third_more_calls_than_for_one_partner() -> None:
    assert [calls_at_once(of_one) for of_one in (1, 3, 1200)] == [2, 4, 1600]


async def test_pump_with_many_results_saves_them_in_few_transactions(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 300)

    async with running(pump_of(fetch, capacity=1000)):
        await until(lambda: fetch.in_flight == 300)
        fetch.gate.set()
        await until(lambda: rows.count("stage = 'done'") == 300)

    assert max(fetch.saved) == 256
    assert len(fetch.saved) <= 4


async def test_pump_with_one_session_saves_it_without_waiting_for_more(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 1)
    fetch.gate.set()

    async with running(pump_of(fetch)):
        await until(lambda: rows.count("stage = 'done'") == 1)

    assert fetch.saved == [1]


async def test_wake_without_a_sweep_finds_new_work(fetch: ScriptedFetch, rows: FakeRows) -> None:
    fetch.gate.set()

    async with running(pump_of(fetch)) as pump:
        await asyncio.sleep(0.1)
        rows.add("fetch", 1)
        pump.wake()
        await until(lambda: rows.count("stage = 'done'") == 1)


async def test_heartbeat_during_a_long_call_keeps_the_lease(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 1)

    async with running(pump_of(fetch, lease=timedelta(seconds=0.6))):
        await until(lambda: fetch.in_flight == 1)
        ((first,),) = rows.select("lease_until")
        await until(lambda: rows.select("lease_until")[0][0] > first + 1)
        fetch.gate.set()
        await until(lambda: rows.count("finished = 1") == 1)

    assert rows.count("attempts = 1") == 1


async def test_pump_that_was_frozen_past_its_lease_does_not_claim_what_it_has_in_hand(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 1)

    async with running(pump_of(fetch, lease=timedelta(seconds=0.3))) as pump:
        await until(lambda: fetch.in_flight == 1)
        time.sleep(0.5)  # noqa: ASYNC251 - stands for a process that is frozen
        pump.wake()
        await asyncio.sleep(0.2)
        fetch.gate.set()
        await until(lambda: rows.count("finished = 1") == 1)

    assert rows.count("attempts = 1 AND crashes = 0") == 1
    assert fetch.most_in_flight == 1


async def test_pump_whose_claim_waited_past_its_lease_does_not_claim_it_again(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    pump = pump_of(fetch, lease=timedelta(seconds=0.3))
    pump.claim = LateClaim(pump.claim, seconds=0.35)
    rows.add("fetch", 1)

    async with running(pump):
        await until(lambda: fetch.in_flight == 1)
        pump.wake()
        await asyncio.sleep(0.5)
        fetch.gate.set()
        await until(lambda: rows.count("finished = 1") == 1)

    assert rows.count("attempts = 1 AND crashes = 0") == 1
    assert fetch.most_in_flight == 1


async def test_pump_whose_claim_waited_past_its_lease_calls_only_for_what_is_still_its_own(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    taken, *_ = rows.add("fetch", 3)
    pump = pump_of(fetch, lease=timedelta(seconds=0.3))
    another = "UPDATE rows SET lease_token = 'another', lease_until = lease_until + 600 WHERE id = ?"
    pump.claim = LateClaim(pump.claim, seconds=0.35, meanwhile=lambda: rows._run(another, (taken,)))

    async with running(pump):
        await until(lambda: fetch.in_flight == 2)
        leased = rows.count("lease_until > claimed_at + 0.35")
        fetch.gate.set()
        await until(lambda: rows.count("finished = 1") == 2 and not len(pump.held))

    assert leased == 3
    assert fetch.most_in_flight == 2


async def test_drain_with_calls_that_end_in_time_saves_them(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 20)
    pump = await busy_pump(fetch)

    asyncio.get_running_loop().call_later(0.2, fetch.gate.set)
    given_back = await pump.drain(5)

    assert given_back == 1  # claimed ahead, and not called
    assert rows.count("stage = 'done'") == 5
    assert rows.count("stage = 'fetch' AND lease_until IS NULL AND attempts = 0") == 15


async def test_drain_with_calls_that_do_not_end_counts_them_and_gives_back_what_was_not_called(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 6)
    pump = await busy_pump(fetch)

    began = perf_counter()
    given_back = await pump.drain(0.3)

    assert given_back == 1
    assert perf_counter() - began < 2
    assert rows.count("stage = 'fetch' AND lease_until IS NULL AND attempts = 1 AND finished = 1") == 5
    assert rows.count("stage = 'fetch' AND lease_until IS NULL AND attempts = 0 AND finished = 0") == 1


async def test_drain_with_the_database_away_gives_back_nothing_that_was_called(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 6)
    fetch.save_faults = [StoreUnavailable() for _ in range(100)]
    pump = await busy_pump(fetch)

    given_back = await pump.drain(0.1)

    assert given_back == 1
    assert rows.count("lease_until IS NOT NULL AND attempts = 1") == 5


async def test_drain_during_a_claim_gives_back_what_it_brings_and_calls_for_none_of_it(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 3)
    pump = pump_of(fetch)
    pump.claim = LateClaim(pump.claim, seconds=0.2)
    await pump.start()
    await until(lambda: rows.count("lease_until IS NOT NULL") == 3)

    given_back = await pump.drain(5)

    assert (given_back, fetch.most_in_flight) == (3, 0)
    assert rows.count("lease_until IS NULL AND attempts = 0") == 3


async def test_drain_with_a_frozen_database_leaves_what_was_not_called_to_its_lease(
    fetch: ScriptedFetch, rows: FakeRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    thawed = threading.Event()
    monkeypatch.setattr(pumps, "GIVE_BACK_SECONDS", 0.1)
    monkeypatch.setattr(FakeRows, "release", lambda *_: thawed.wait(30))
    rows.add("fetch", 6)
    pump = await busy_pump(fetch)

    began = perf_counter()
    given_back = await pump.drain(0.1)
    took = perf_counter() - began
    thawed.set()

    assert given_back == 0
    assert took < 3


async def test_pump_with_the_database_away_after_the_call_saves_when_it_is_back(
    fetch: ScriptedFetch, rows: FakeRows
) -> None:
    rows.add("fetch", 3)
    fetch.save_faults = [StoreUnavailable(), StoreUnavailable()]
    fetch.gate.set()

    async with running(pump_of(fetch)):
        await until(lambda: rows.count("finished = 1 AND attempts = 1") == 3)


async def test_pump_with_the_database_away_after_the_claim_gives_it_back(fetch: ScriptedFetch, rows: FakeRows) -> None:
    rows.add("fetch", 3)
    fetch.plan_faults = [StoreUnavailable()]
    fetch.gate.set()

    async with running(pump_of(fetch, sweep_seconds=0.1)):
        await until(lambda: rows.count("finished = 1 AND attempts = 1 AND crashes = 0") == 3)


async def test_pump_with_one_result_that_cannot_be_saved_saves_the_others(fetch: ScriptedFetch, rows: FakeRows) -> None:
    (fetch.unsavable, *_) = rows.add("fetch", 5)

    async with running(pump_of(fetch)) as pump:
        await until(lambda: fetch.in_flight == 5)
        fetch.gate.set()
        await until(lambda: not len(pump.held))

    assert rows.count("stage = 'done'") == 4
    assert rows.count("lease_until IS NOT NULL") == 1
