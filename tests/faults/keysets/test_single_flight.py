"""Many processes that refresh key sets: a source is asked by one of them at a time, whatever becomes of that one."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.faults.keysets.brands import ACCEPTED, Brand, cold_brand
from tests.faults.keysets.fleet import events, holder_of, more_processes
from tests.faults.keysets.jwks_server import JwksServer, Manner, Reply, gaps, key_set
from tests.faults.write_lock import is_writable
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.deployment import Deployment
from tests.journey.scene import Stage
from tests.journey.tokens import Signer
from tests.servers.process import OwnProcess
from tests.servers.tree import members_of, send

pytestmark = [pytest.mark.journey, pytest.mark.timed]

FEW_PROCESSES, MANY_PROCESSES = 8, 20
LEASE_SECONDS = 15.0
SWEEP_SECONDS = 2.0
"""How often each process looks by itself, its jitter included."""
LOAD_SECONDS = 2.0
"""What that many processes on two cores may add."""
_SILENT = Reply(manner=Manner.SILENT)


@dataclass(frozen=True, slots=True)
class Fetch:
    """A first request that is not answered: who makes it, and the sessions that wait for it; the next finds the key."""

    brand: Brand
    visits: tuple[Visit, ...]
    holder: OwnProcess

    def seconds_to_the_next(self) -> float:
        """Wait for the second request, and return how long after the first it came."""
        hits = eventually(lambda: found if len(found := self.brand.source.hits()) > 1 else None, 30, "a second request")
        return gaps(hits)[0]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many processes on a stage."""

    stage: Stage
    jwks: JwksServer
    processes: list[OwnProcess]

    def begin(self, signer: Signer) -> Fetch:
        """Have sessions wait for a source until somebody asks it, who is not answered."""
        brand = cold_brand(self.stage, self.jwks.source())
        brand.source.play(_SILENT)
        visits = tuple(brand.arrive(signer) for _ in range(5))
        (hit, *_) = eventually(brand.source.hits, 20, "a first request")
        brand.source.go_on(key_set(signer.jwk))
        return Fetch(brand, visits, holder_of(hit.port, self.processes))


@contextmanager
def frozen(process: OwnProcess, deployment: Deployment) -> Iterator[None]:
    """Freeze a process until the end of the block, at a moment when it does not keep others from writing."""

    def freeze() -> bool:
        process.pause()
        if is_writable(deployment):
            return True
        process.resume()
        return False

    eventually(freeze, 10, "a process that is frozen without the write lock")
    try:
        yield
    finally:
        process.resume()


@pytest.fixture(scope="module", params=(FEW_PROCESSES, pytest.param(MANY_PROCESSES, marks=pytest.mark.long)))
def crowd(delivered_stage: Stage, jwks: JwksServer, request: pytest.FixtureRequest) -> Iterator[Crowd]:
    deployment = delivered_stage.deployment
    deployment.terminate("fetch")  # it could be the one to be killed
    try:
        with more_processes(deployment, "fetch", request.param) as processes:
            yield Crowd(delivered_stage, jwks, processes)
    finally:
        deployment.restart("fetch")


def test_cold_source_of_many_processes_costs_one_request(crowd: Crowd) -> None:
    brand, signer = cold_brand(crowd.stage, crowd.jwks.source()), Signer.make("ES256", kid="only")
    brand.source.play(key_set(signer.jwk))

    verdicts = brand.settle_all([brand.arrive(signer) for _ in range(60)])

    assert verdicts == [ACCEPTED] * 60
    assert len(brand.source.hits()) == 1


def test_source_whose_holder_is_killed_or_frozen_is_asked_again_after_its_lease(crowd: Crowd) -> None:
    signer = Signer.make("ES256", kid="only")
    slow = crowd.begin(signer)
    with frozen(slow.holder, crowd.stage.deployment):
        killed = crowd.begin(signer)

        send(signal.SIGKILL, members_of(killed.holder.pid))
        pauses = [fetch.seconds_to_the_next() for fetch in (killed, slow)]
        verdicts = [fetch.brand.settle_all(fetch.visits) for fetch in (killed, slow)]
    eventually(lambda: _fenced(slow), 20, "the late end of a fetch whose lease is lost")

    assert min(pauses) >= LEASE_SECONDS - 1  # meanwhile each of the others has looked several times
    assert max(pauses) <= LEASE_SECONDS + SWEEP_SECONDS + LOAD_SECONDS
    assert verdicts == [[ACCEPTED] * 5] * 2
    assert slow.brand.play(signer, 3) == ACCEPTED
    assert [len(fetch.brand.source.hits()) for fetch in (killed, slow)] == [2, 2]


def _fenced(fetch: Fetch) -> list[object]:
    ended = [event for name in ("keyset.failed", "keyset.refreshed") for event in events(fetch.holder, name)]
    return [event for event in ended if event["source"] == fetch.brand.source.url and event["lease_lost"]]
