"""A partner changes its key while participants arrive: nobody is refused, the partner is asked at most twice more."""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.faults.keysets.brands import ACCEPTED, Brand, warm_brand
from tests.faults.keysets.jwks_server import Source, key_set
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.scene import Stage
from tests.journey.tokens import Signer

pytestmark = pytest.mark.journey

THREADS = 3
EACH_PHASE = 60
EXTRA_REQUESTS = 2
_PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Load:
    """Participants that keep arriving, each with a token of one of `signers`."""

    brand: Brand
    signers: Sequence[Signer]
    visits: list[tuple[Visit, str | None]] = field(default_factory=list)
    """With the kid of the token."""
    _over: threading.Event = field(default_factory=threading.Event)

    def keep_arriving(self) -> None:
        """Arrive until told to stop."""
        while not self._over.wait(_PAUSE_SECONDS):
            signer = random.choice(self.signers)  # noqa: S311 which key it is decides nothing
            self.visits.append((self.brand.arrive(signer), signer.kid))

    def grow(self, kid: str | None) -> None:
        """Wait until so many more came with tokens of that key."""
        wanted = EACH_PHASE + self._count(kid)
        eventually(lambda: self._count(kid) >= wanted, 30, f"{EACH_PHASE} more tokens of {kid}")

    def stop(self) -> None:
        """Let nobody arrive any more."""
        self._over.set()

    def _count(self, kid: str | None) -> int:
        return sum(named == kid for _, named in self.visits)


@contextmanager
def load(brand: Brand, *signers: Signer) -> Iterator[Load]:
    """Let participants arrive until the end of the block."""
    arriving = Load(brand, signers)
    threads = [threading.Thread(target=arriving.keep_arriving) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield arriving
    finally:
        arriving.stop()
        for thread in threads:
            thread.join()


def rotate(stage: Stage, source: Source, within_seconds: float) -> tuple[set[tuple[str, str | None]], int]:
    """Rotate under load, and return what became of all who came, and how often the partner was asked."""
    old, new = Signer.make("ES256", kid="2027-01"), Signer.make("ES256", kid="2027-02")
    brand = warm_brand(stage, source, old, ETag='"1"')
    with load(brand, old) as arriving:
        arriving.grow(old.kid)
        source.go_on(key_set(old.jwk, new.jwk, ETag='"2"'))
        arriving.signers = (old, new)
        arriving.grow(new.kid)
        arriving.signers = (new,)
        source.go_on(key_set(new.jwk, ETag='"3"'))
        arriving.grow(new.kid)
    verdicts = set(brand.settle_all((visit for visit, _ in arriving.visits), within_seconds))
    return verdicts, len(source.hits())


def test_rotation_under_load_refuses_nobody_and_costs_two_requests_at_most(brisk: Stage, source: Source) -> None:
    verdicts, hits = rotate(brisk, source, within_seconds=20)

    assert verdicts == {ACCEPTED}
    assert 1 <= hits <= EXTRA_REQUESTS


@pytest.mark.long
def test_rotation_with_the_delivered_numbers_refuses_nobody_and_costs_two_requests_at_most(
    delivered: Stage, source: Source
) -> None:
    verdicts, hits = rotate(delivered, source, within_seconds=60)

    assert verdicts == {ACCEPTED}
    assert 1 <= hits <= EXTRA_REQUESTS
