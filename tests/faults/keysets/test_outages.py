"""Every way in which a JWKS endpoint is down, all at once: what is cached serves, what is cold waits, all recover."""

import gzip
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.faults.keysets.brands import ACCEPTED, Brand, cold_brand, warm_brand
from tests.faults.keysets.fleet import peak_bytes
from tests.faults.keysets.jwks_server import JwksServer, Manner, Reply, json_reply, key_set
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.scene import Stage
from tests.journey.tokens import Signer

pytestmark = pytest.mark.journey

MOST_MEMORY_BYTES = 300 * 2**20
"""A fetching process holds some 100 MiB; the bomb would be 200 MiB more."""
SERVED_WITHIN_SECONDS = 5.0
_JSON = {"Content-Type": "application/json"}
_SIGNER = Signer.make("ES256", kid="only")
_GOOD = key_set(_SIGNER.jwk)

OUTAGES: Mapping[str, Reply] = {
    "500": Reply(b"{}", 500, _JSON),
    "429": Reply(b"{}", 429, _JSON),
    "reset": Reply(manner=Manner.RESET),
    "timeout": Reply(manner=Manner.SILENT),
    "slow drip": Reply(_GOOD.body, 200, _JSON, Manner.DRIP),
    "html": Reply(b"<!doctype html><title>Maintenance</title>", 200, {"Content-Type": "text/html"}),
    "html as json": Reply(b"<!doctype html><title>Maintenance</title>", 200, _JSON),
    "empty set": json_reply({"keys": []}),
    "300 KiB": json_reply({"keys": [_SIGNER.jwk], "padding": "x" * 300 * 1024}),
    "gzip bomb": Reply(gzip.compress(bytes(10 * 2**20)) * 20, 200, {**_JSON, "Content-Encoding": "gzip"}),
    "304 unasked": Reply(b"", 304, _JSON),
    "redirect": Reply(b"", 302, {"Location": "/elsewhere"}),
}


@dataclass(frozen=True, slots=True)
class Hurt:
    """One kind of outage: a brand whose keys are cached, one whose keys are not, and those who wait for the latter."""

    warm: Brand
    cold: Brand
    waiting: tuple[Visit, ...]

    def end(self) -> None:
        """Have both sources recover."""
        self.warm.source.play(_GOOD)
        self.cold.source.play(_GOOD)


def begin(stage: Stage, jwks: JwksServer, outage: Reply) -> Hurt:
    """Have an outage begin when one source is cached for two seconds, and another one was never read."""
    warm = warm_brand(stage, jwks.source(), _SIGNER, Cache_Control="max-age=2")
    warm.source.play(outage)
    cold = cold_brand(stage, jwks.source())
    cold.source.play(outage)
    return Hurt(warm, cold, tuple(cold.arrive(_SIGNER) for _ in range(3)))


def has_been_tried(hurt: Hurt, outage: Reply) -> bool:
    """Tell whether the service has asked both sources since the outage began, and again unless it still waits."""
    tries = 1 if outage.manner in (Manner.SILENT, Manner.DRIP) else 2
    return min(len(brand.source.hits()) for brand in (hurt.warm, hurt.cold)) >= tries


def test_outage_of_every_kind_hurts_nobody_who_is_cached_and_costs_the_others_a_wait(
    brisk: Stage, jwks: JwksServer
) -> None:
    running = set(brisk.deployment.members())
    with ThreadPoolExecutor(len(OUTAGES)) as threads:
        hurt = dict(zip(OUTAGES, threads.map(partial(begin, brisk, jwks), OUTAGES.values()), strict=True))
    for name, one in hurt.items():
        eventually(partial(has_been_tried, one, OUTAGES[name]), 60, f"tries of both sources during {name}")

    arrived = {name: one.warm.arrive(_SIGNER) for name, one in hurt.items()}
    cached = {name: one.warm.settle(arrived[name], SERVED_WITHIN_SECONDS) for name, one in hurt.items()}
    waiting = {one.cold.look(visit) for one in hurt.values() for visit in one.waiting}
    for one in hurt.values():
        one.end()
    recovered = {name: one.cold.settle_all(one.waiting, 30) for name, one in hurt.items()}

    assert cached == dict.fromkeys(OUTAGES, ACCEPTED)
    assert waiting == {("pending", None)}
    assert recovered == {name: [ACCEPTED] * 3 for name in OUTAGES}
    assert running <= set(brisk.deployment.members())
    assert peak_bytes(brisk.deployment._running["fetch"].pid) <= MOST_MEMORY_BYTES


def test_outage_is_told_to_whoever_manages_the_keys(brisk: Stage, jwks: JwksServer) -> None:
    brand = warm_brand(brisk, jwks.source(), _SIGNER, Cache_Control="max-age=2")
    before = brand.keyset()
    brand.source.play(OUTAGES["500"])

    stale = eventually(partial(_told, brand, "stale", is_failing=True), 20, "a stale set")
    brand.source.play(_GOOD)
    mended = eventually(partial(_told, brand, "fresh", is_failing=False), 20, "a fresh set")

    assert before["last_error"] is None
    assert "http_5xx" in stale["last_error"]
    assert [key["kid"] for key in stale["keys"]] == ["only"]
    assert mended["version"] == before["version"]


def test_retry_after_is_honoured_whatever_kids_are_invented(brisk: Stage, jwks: JwksServer) -> None:
    brand = warm_brand(brisk, jwks.source(), _SIGNER, Cache_Control="max-age=2")
    brand.source.play(Reply(b"{}", 503, {**_JSON, "Retry-After": "5"}))
    (first,) = eventually(brand.source.hits, 10, "a request that is told to wait")

    stranger = Signer("ES256", _SIGNER.key, kid="invented")
    invented = [brand.arrive(stranger)]
    second = eventually(lambda: _second(brand, invented, stranger), 30, "a second request")
    brand.source.play(_GOOD)

    assert second - first.at >= 5


def _told(brand: Brand, state: str, *, is_failing: bool) -> dict[str, Any] | None:
    keyset = brand.keyset()
    return keyset if keyset["state"] == state and (keyset["last_error"] is not None) == is_failing else None


def _second(brand: Brand, invented: list[Visit], stranger: Signer) -> float | None:
    invented.append(brand.arrive(stranger))
    hits = brand.source.hits()
    return hits[1].at if len(hits) > 1 else None
