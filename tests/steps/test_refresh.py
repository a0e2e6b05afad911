"""Key sets are refreshed: fetched, imported key by key, saved under the lease; a failure keeps the old keys."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.domain.keyset import DroppedKey, Keyset, KeysetPolicy, source_label
from app.domain.keyset_refresh import KeysetAnswer
from app.errors import OutsideError
from app.ports import Work
from app.reasons import PrefillReason
from app.steps.refresh import MOST_DROPPED, RefreshKeysets
from tests.builders import NOW, SOURCE, keyset
from tests.fakes import FakeJwks, FixedClock, MemoryKeysets, RecordingHints
from tests.steps.verifying import key_pair


def refreshing(keysets: MemoryKeysets, *answers: KeysetAnswer | OutsideError) -> tuple[RefreshKeysets, FakeJwks]:
    jwks = FakeJwks({SOURCE: answers})
    return RefreshKeysets(keysets, jwks, RecordingHints(), FixedClock(), KeysetPolicy(), lambda: 0.5), jwks


def due(**changes: Any) -> MemoryKeysets:
    return MemoryKeysets(rows={SOURCE: keyset(refresh_at=NOW, **changes)})


async def test_refresh_replaces_the_set_and_wakes_who_waits_for_it() -> None:
    keysets = MemoryKeysets(rows={SOURCE: Keyset(SOURCE, refresh_at=NOW)})
    answer = KeysetAnswer({"keys": [key_pair("k1")[1], {"kty": "oct", "k": "c2VjcmV0", "kid": "o"}]}, etag='"1"')
    refresh, _ = refreshing(keysets, answer)

    count = await refresh()

    row = keysets.rows[SOURCE]
    assert count == 1
    assert [key["kid"] for key in row.keys] == ["k1"]
    assert [key.kid for key in row.dropped] == ["o"]
    assert (row.version, row.etag, row.fetched_at) == (1, '"1"', NOW)
    assert isinstance(refresh.hints, RecordingHints)
    assert refresh.hints.rung == [(Work.VERIFY, 1)]


async def test_refresh_asks_conditionally_and_keeps_the_set_when_it_still_holds() -> None:
    keysets = due(etag='"1"', last_modified="Mon, 01 Mar 2027 10:00:00 GMT")
    refresh, jwks = refreshing(keysets, KeysetAnswer(None, max_age=timedelta(hours=2)))

    await refresh()

    row = keysets.rows[SOURCE]
    assert jwks.calls == [(SOURCE, '"1"', "Mon, 01 Mar 2027 10:00:00 GMT")]
    assert (row.version, row.keys, row.fresh_until) == (1, keyset().keys, NOW + timedelta(hours=2))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OutsideError(PrefillReason.TIMEOUT), id="timeout"),
        pytest.param(KeysetAnswer({"keys": []}), id="no-keys"),
        pytest.param(KeysetAnswer({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "o"}]}), id="no-usable-key"),
        pytest.param(KeysetAnswer({"keys": "none"}), id="keys-no-list"),
        pytest.param(KeysetAnswer([]), id="no-object"),
        pytest.param(KeysetAnswer({**key_pair("k1")[1]}), id="a-bare-key"),
    ],
)
async def test_refresh_that_fails_keeps_the_old_keys(answer: KeysetAnswer | OutsideError) -> None:
    keysets = due()
    refresh, _ = refreshing(keysets, answer)

    await refresh()

    row = keysets.rows[SOURCE]
    assert (row.keys, row.version, row.failures) == (keyset().keys, 1, 1)
    assert row.last_error is not None
    assert row.refresh_at == NOW + timedelta(seconds=2.5)
    assert isinstance(refresh.hints, RecordingHints)
    assert refresh.hints.rung == []


async def test_refresh_raises_an_alarm_for_a_published_private_key() -> None:
    keysets = due()
    refresh, _ = refreshing(keysets, KeysetAnswer({"keys": [key_pair("k1")[1], key_pair("k2")[0]]}))

    with capture_logs() as events:
        await refresh()

    assert [event["event"] for event in events] == ["keyset.private_key_published", "keyset.refreshed"]
    assert keysets.rows[SOURCE].dropped == (DroppedKey("k2", "private_key"),)


async def test_refresh_that_finds_no_usable_key_tells_why_and_raises_the_alarm() -> None:
    keysets = due()
    refresh, _ = refreshing(keysets, KeysetAnswer({"keys": [key_pair("k2")[0]]}))

    with capture_logs() as events:
        await refresh()

    row = keysets.rows[SOURCE]
    assert [event["event"] for event in events] == ["keyset.private_key_published", "keyset.failed"]
    assert (row.keys, row.failures, row.last_error) == (keyset().keys, 1, "contract: no usable key")
    assert row.dropped == (DroppedKey("k2", "private_key"),)


async def test_refresh_after_a_set_without_a_usable_key_is_unconditional_and_tells_of_the_set_that_it_brings() -> None:
    keysets = due(etag='"1"', last_modified="Mon, 01 Mar 2027 10:00:00 GMT")
    good, bad = (KeysetAnswer({"keys": [key]}, etag='"1"') for key in (key_pair("k1")[1], key_pair("k2")[0]))
    refresh, jwks = refreshing(keysets, bad, good)

    await refresh()
    keysets.rows[SOURCE] = replace(keysets.rows[SOURCE], refresh_at=NOW)
    await refresh()

    row = keysets.rows[SOURCE]
    assert jwks.calls[1] == (SOURCE, None, None)
    assert (row.dropped, row.failures, row.etag) == ((), 0, '"1"')


async def test_refresh_tells_of_a_bounded_number_of_dropped_keys() -> None:
    keysets = due()
    refresh, _ = refreshing(keysets, KeysetAnswer({"keys": [key_pair("k1")[1], *[{}] * 1000]}))

    await refresh()

    assert [key["kid"] for key in keysets.rows[SOURCE].keys] == ["k1"]
    assert len(keysets.rows[SOURCE].dropped) == MOST_DROPPED


async def test_refresh_of_a_late_writer_changes_nothing() -> None:
    keysets = due()
    refresh, jwks = refreshing(keysets, KeysetAnswer({"keys": [key_pair("k1")[1]]}))
    [stale] = keysets.claim_due(1, NOW, NOW)
    later = NOW + timedelta(seconds=1)
    keysets.claim_due(1, later, later + timedelta(seconds=15))

    is_saved = keysets.save(stale, stale.lease_token or "", later)

    assert not is_saved
    assert await refresh() == 0
    assert jwks.calls == []


async def test_refresh_with_nothing_due_fetches_nothing() -> None:
    keysets = MemoryKeysets(rows={SOURCE: keyset()})
    refresh, jwks = refreshing(keysets)

    assert await refresh() == 0
    assert jwks.calls == []


async def test_refresh_tells_the_log_nothing_of_a_query_that_may_hold_a_credential() -> None:
    source = f"{SOURCE}?key=secret"
    keysets = MemoryKeysets(rows={source: Keyset(source, refresh_at=NOW)})
    jwks = FakeJwks({source: (KeysetAnswer({"keys": [key_pair("k1")[1], {**key_pair("k2")[1], "d": "AA"}]}),)})

    with capture_logs() as told:
        await RefreshKeysets(keysets, jwks, RecordingHints(), FixedClock(), KeysetPolicy(), lambda: 0.5)()

    assert [entry["event"] for entry in told] == ["keyset.private_key_published", "keyset.refreshed"]
    assert {entry["source"] for entry in told} == {source_label(source)}
