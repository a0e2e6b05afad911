"""A partner that is slow, resets, asks for a pause, talks garbage, never ends, sends elsewhere, or is dead.

Nothing of its sessions is lost, it is called as often as the policy says, and other partners' participants notice
nothing.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.journey.client import Visit
from tests.journey.crowd import crowd
from tests.journey.deadline import eventually
from tests.journey.partner_double import PAUSE_SECONDS, REDIRECTED, Fault
from tests.journey.rows import Rows
from tests.journey.scene import Scene, Stage
from tests.journey.stacks import EMBEDDED, REDIS

pytestmark = pytest.mark.journey

MANY = 28
"""Of whom a quarter are fetched: too few calls for a breaker to open."""
KINDS = ("carried", "carried", "carried", "fetched")
REFUSED = 6
MEGABYTE = 2**20
SAMPLES = 80
CALM_EVERY_SECONDS = 0.2
FEW_HANDS = 20
"""A partner's calls in flight: all of them wait in vain for the one that is dead."""
WORST_RATIO = 1.2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.SLOW, id="slow"),
        pytest.param(Fault.RESET, id="resets"),
        pytest.param(Fault.SERVER_ERROR, id="server-error"),
        pytest.param(Fault.TOO_MANY, id="too-many"),
    ],
)
def test_partner_that_fails_once_for_each_person_is_called_twice_and_loses_nothing(
    shaken: Stage, judge: Judge, fault: Fault
) -> None:
    with crowd(shaken, kinds=KINDS) as arriving:
        shaken.give_api(arriving.scene, {"timeout_seconds": 1})
        arriving.scene.endpoint.first = [fault]
        arriving.grow(MANY)

    judge.close_crowd(shaken, arriving, most_calls=2)
    fetched = [sub for _, kind, sub in arriving.promised.values() if kind == "fetched"]
    assert {len(arriving.scene.endpoint.calls[sub]) for sub in fetched} == {2}


@pytest.mark.parametrize(
    ("fault", "error_class", "status"),
    [
        pytest.param(Fault.GARBAGE, "contract", 200, id="garbage"),
        pytest.param(Fault.ENDLESS, "contract", 200, id="gigabyte"),
        pytest.param(Fault.REDIRECT, "contract", 302, id="redirect-to-a-private-address"),
        pytest.param(Fault.NOT_FOUND, "http_4xx", 404, id="not-found"),
    ],
)
def test_partner_that_breaks_the_contract_is_called_once_for_each_person(
    shaken: Stage, judge: Judge, fault: Fault, error_class: str, status: int
) -> None:
    scene = shaken.calling_scene()
    scene.endpoint.then = fault
    before = shaken.partners.endless_octets

    visits = [scene.arrive() for _ in range(REFUSED)]
    ends = [scene.settle(visit)["prefill"] for visit in visits]

    rows = Rows(shaken.deployment)
    assert [(end["status"], end["reason"]) for end in ends] == [("unavailable", error_class)] * REFUSED
    assert [rows.attempts(visit.id) for visit in visits] == [[(error_class, status)]] * REFUSED
    assert {rows.stage(visit.id) for visit in visits} == {"dead"}
    assert REDIRECTED not in scene.endpoint.calls
    assert shaken.partners.endless_octets - before < REFUSED * 16 * MEGABYTE  # what the sockets' buffers take in
    judge.close(shaken.name, shaken.deployment, [visit.id for visit in visits], scene.endpoint.count_calls(), REFUSED)


def test_partner_that_asks_for_a_pause_is_left_alone_by_every_session(shaken: Stage, judge: Judge) -> None:
    scene = shaken.calling_scene({"max_concurrency": 1}, {"prefill_deadline_seconds": 60})
    scene.endpoint.first = [Fault.PAUSE]

    visits = [scene.arrive() for _ in range(3)]
    ends = [scene.participants.settle(visit, 60)["prefill"]["status"] for visit in visits]

    after_pauses = [later - earlier for earlier, later in pairwise(scene.endpoint.called_at[: len(visits) + 1])]
    assert ends == ["ready"] * len(visits)
    assert min(after_pauses) >= PAUSE_SECONDS - 0.1
    judge.close(
        shaken.name,
        shaken.deployment,
        [visit.id for visit in visits],
        scene.endpoint.count_calls(),
        2 * len(visits),
    )


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("stack", [EMBEDDED, REDIS])
def test_partner_dead_at_ten_times_the_volume_leaves_the_p95_of_another_within_a_fifth_of_calm(
    deploy: Deploy, judge: Judge, stack: str
) -> None:
    few_hands = {"FETCH_CONCURRENCY": "60", "CLAIM_ROWS": "256", "LEASE_SECONDS": "10"}
    with deploy(stack, few_hands) as stage:
        scene = stage.calling_scene({"max_concurrency": FEW_HANDS})
        scene.endpoint.then = Fault.BRIEF
        visits: list[Visit] = []

        _p95(scene, visits)  # warms every cache and connection
        calm = _p95(scene, visits)
        with _ten_times_as_many(stage) as other:
            eventually(lambda: other.endpoint.count_calls() >= FEW_HANDS, 20, "twenty calls that wait in vain")
            troubled = _p95(scene, visits)

        judge.fault += f": {troubled * 1000:.0f} ms, calm {calm * 1000:.0f} ms"
        assert troubled <= WORST_RATIO * calm, judge.fault
        judge.close(stack, stage.deployment, [visit.id for visit in visits], scene.endpoint.count_calls(), len(visits))


@contextmanager
def _ten_times_as_many(stage: Stage) -> Iterator[Scene]:
    """Let ten times as many participants arrive for another partner, which is dead, until the end of the block."""
    scene = stage.calling_scene({"max_concurrency": FEW_HANDS, "timeout_seconds": 5})
    scene.endpoint.then = Fault.SLOW
    leaving = threading.Event()

    def arrive() -> None:
        while not leaving.wait(CALM_EVERY_SECONDS / 5):
            scene.arrive()

    arrivers = [threading.Thread(target=arrive) for _ in range(2)]
    for arriver in arrivers:
        arriver.start()
    try:
        yield scene
    finally:
        leaving.set()
        for arriver in arrivers:
            arriver.join()


def _p95(scene: Scene, visits: list[Visit]) -> float:
    """Return the 95th percentile in seconds from a participant's arrival to the prefill, arrivals at a steady pace."""
    seconds: list[float] = []
    pace = threading.Event()

    def play() -> None:
        began_at = time.monotonic()
        visit = scene.arrive()
        visits.append(visit)
        assert scene.participants.settle(visit)["prefill"]["status"] == "ready"
        seconds.append(time.monotonic() - began_at)

    players = [threading.Thread(target=play) for _ in range(SAMPLES)]
    for player in players:
        player.start()
        pace.wait(CALM_EVERY_SECONDS)
    for player in players:
        player.join()
    assert len(seconds) == SAMPLES
    return sorted(seconds)[int(SAMPLES * 0.95)]
