"""A flood of invented kids, with the numbers as delivered: the partner is hardly asked, valid tokens notice nothing."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles

import pytest

from tests.faults.keysets.brands import ACCEPTED, Brand, warm_brand
from tests.faults.keysets.jwks_server import Source, gaps
from tests.journey.client import Visit
from tests.journey.scene import Stage
from tests.journey.tokens import Signer

pytestmark = pytest.mark.journey

INVENTED = 1000
VALID = 60
FLOOD_SECONDS = 12.0
"""Each of the thousand after its own pause, so that the flood is kids and not mere load."""
COOLDOWN_SECONDS = 30.0
BUDGET = 10
LONG_SECONDS = 420.0
"""Long enough for the cool-down alone to allow fourteen requests."""
_UNDELAYED = 3
_NOISE_SECONDS = 0.3
"""What other work of the machine may add to a p95; a token that were parked would add seconds."""


@dataclass(slots=True)
class Flood:
    """Tokens that name keys nobody has, one after the other until told to stop; `pause` between two, in seconds."""

    brand: Brand
    stranger: Signer = field(default_factory=lambda: Signer.make("ES256"))
    pause: float = 0.0
    visits: list[Visit] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def pour(self) -> None:
        """Pour until stopped."""
        while not self._over.wait(self.pause):
            signer = Signer("ES256", self.stranger.key, kid=f"invented-{uuid.uuid4().hex}")
            self.visits.append(self.brand.arrive(signer))

    def stop(self) -> None:
        """Pour no more."""
        self._over.set()


@contextmanager
def flood(brand: Brand, pause: float = 0.0) -> Iterator[Flood]:
    """Let a flood go on until the end of the block."""
    pouring = Flood(brand, pause=pause)
    thread = threading.Thread(target=pouring.pour)
    thread.start()
    try:
        yield pouring
    finally:
        pouring.stop()
        thread.join()


def waits(brand: Brand, signer: Signer, is_enough: Callable[[int], bool], pause: float = 0.0) -> list[float]:
    """Play valid tokens one by one until there are enough, all accepted, and return how long each took."""
    seconds: list[float] = []
    never = threading.Event()
    while not is_enough(len(seconds)):
        never.wait(pause)
        began = time.monotonic()
        assert brand.play(signer) == ACCEPTED
        seconds.append(time.monotonic() - began)
    return seconds


def p95(seconds: list[float]) -> float:
    """Return the 95th percentile."""
    return quantiles(seconds, n=20)[-1]


@pytest.mark.timed
def test_invented_kids_cost_one_request_a_cooldown_and_delay_nobody(delivered: Stage, source: Source) -> None:
    signer = Signer.make("ES256", kid="only")
    warm_at = time.monotonic()
    brand = warm_brand(delivered, source, signer)
    calm = waits(brand, signer, lambda played: played >= VALID)

    with flood(brand, pause=FLOOD_SECONDS / INVENTED) as pouring:
        flooded = waits(brand, signer, lambda played: played >= VALID and len(pouring.visits) >= INVENTED)
    hits = source.hits()
    states = {brand.look(visit) for visit in pouring.visits[::100]}

    assert p95(flooded) <= _UNDELAYED * p95(calm) + _NOISE_SECONDS
    assert len(hits) <= 1 + (time.monotonic() - warm_at) // COOLDOWN_SECONDS
    assert states <= {("pending", None), ("rejected", "kid_unknown")}


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS + 300)
def test_invented_kids_for_seven_minutes_cost_ten_requests(delivered: Stage, source: Source) -> None:
    signer = Signer.make("ES256", kid="only")
    brand = warm_brand(delivered, source, signer)
    ends_at = time.monotonic() + LONG_SECONDS

    with flood(brand, pause=LONG_SECONDS / INVENTED / 2) as pouring:
        waits(brand, signer, lambda _: time.monotonic() >= ends_at, pause=0.5)
    hits = source.hits()
    verdicts = {brand.settle(visit, 100) for visit in (pouring.visits[0], pouring.visits[-1])}

    assert len(pouring.visits) >= INVENTED
    assert verdicts == {("rejected", "kid_unknown")}
    assert BUDGET / 2 < len(hits) <= BUDGET
    assert min(gaps(hits)) >= COOLDOWN_SECONDS - 1
