"""kill -9 of any process at random, again and again, under load: the long proof, and a small one of the same kind.

FAULTS_SESSIONS and FAULTS_KILLS say how many sessions are accepted and how many processes killed meanwhile,
FAULTS_RATE how many arrive in a second.
"""

import os
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.faults.swift_crowd import Promise, SwiftCrowd, swift_crowd
from tests.journey.deadline import eventually
from tests.journey.deployment import ROLES, Deployment
from tests.journey.rows import Rows
from tests.journey.scene import Scene, Stage
from tests.journey.stacks import EMBEDDED, REDIS
from tests.journey.tokens import Signer

pytestmark = pytest.mark.journey

SESSIONS = int(os.environ.get("FAULTS_SESSIONS", "200000"))
KILLS = int(os.environ.get("FAULTS_KILLS", "110"))
RATE = float(os.environ.get("FAULTS_RATE", "450"))
_LONG = [pytest.mark.long, pytest.mark.timeout(1500)]
SETTINGS = {"LOG_LEVEL": "warning", "LEASE_SECONDS": "10", "CLAIM_ROWS": "256", "SWEEP_SECONDS": "1"}
_ENDS_WITHIN_SECONDS = 240.0
_KILLED_WITHIN_SECONDS = 60.0
_SAMPLE = 500
_STORED = {"carried": ("accepted", None), "fetched": ("accepted", None), "refused": ("rejected", "token_expired")}
_SHOWN = {"carried": ("ready", "token"), "fetched": ("ready", "partner"), "refused": ("none", None)}
_DEATHS = (
    ("web", Deployment.kill),
    ("verify", Deployment.kill),
    ("verify", Deployment.kill_main),
    ("verify", Deployment.kill_child),
    ("fetch", Deployment.kill),
    ("upkeep", Deployment.kill),
    ("beat", Deployment.kill),
)


@pytest.mark.parametrize(
    ("stack", "sessions", "kills", "rate"),
    [
        pytest.param(EMBEDDED, 480, 4, 60.0, id="small-embedded"),
        pytest.param(
            REDIS, SESSIONS, KILLS, RATE, marks=[pytest.mark.long, pytest.mark.timeout(1500)], id="long-redis"
        ),
    ],
)
def test_processes_killed_at_random_again_and_again_lose_nothing(
    deploy: Deploy, judge: Judge, stack: str, sessions: int, kills: int, rate: float
) -> None:
    with deploy(stack, SETTINGS) as stage:
        scene = _scene(stage)
        killer = _Killer(stage.deployment)
        with swift_crowd(scene, sessions, rate) as arriving:
            for number in range(kills):
                share = sessions * number // kills
                arriving.grow_to(share, _KILLED_WITHIN_SECONDS + sessions / kills / rate * 5)
                killer.kill_somebody()
            arriving.grow_to(sessions, _ENDS_WITHIN_SECONDS)
        killer.start_who_ended()
        eventually(lambda: _open_sessions(stage) == 0, _ENDS_WITHIN_SECONDS, "the ends of all sessions")

        promises = list(arriving.promised.values())
        calls = {one.visit.id: len(scene.endpoint.calls[one.sub]) for one in promises if one.kind == "fetched"}
        assert _stored_wrongly(stage, arriving) == {}
        assert _shown_wrongly(scene, promises) == {}
        assert _participants_seen_twice(stage) == 0
        assert Rows(stage.deployment).successes(list(calls)) == dict.fromkeys(calls, 1)
        assert {id_: seen for id_, seen in calls.items() if not 1 <= seen <= 1 + killer.cut_short[id_]} == {}
        allowed = len(calls) + sum(killer.cut_short[id_] for id_ in calls)
        judge.close(stack, stage.deployment, list(arriving.promised), sum(calls.values()), allowed)


@dataclass(slots=True)
class _Killer:
    """Kills one process after the other; `cut_short` counts the calls that may have been cut short, by session."""

    deployment: Deployment
    cut_short: Counter[str] = field(default_factory=Counter)
    _random: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311 the same deaths in each run

    def kill_somebody(self) -> None:
        """Kill somebody, note whose calls that cost, and start the role again."""
        self.start_who_ended()
        role, death = self._random.choice(_DEATHS)
        death(self.deployment, role)
        if role == "fetch":  # nobody else fetches: the leases that are left are those of the dead
            held = Rows(self.deployment).query(
                "SELECT id FROM sessions WHERE stage = 'fetch' AND lease_token IS NOT NULL"
            )
            self.cut_short.update(id_ for (id_,) in held)
        if death is not Deployment.kill_child:
            self.deployment.restart(role)

    def start_who_ended(self) -> None:
        """Start again who ended by itself, as the platform does."""
        for role in filter(self.deployment.has_ended, ROLES):
            self.deployment.restart(role)


def _scene(stage: Stage) -> Scene:
    scene = stage.scene(Signer.make("HS256"), method="symmetric")
    api = {"url": scene.endpoint.people_url, "authorization": {"from": "none"}, "max_concurrency": 200}
    keys = [{"secret": scene.signer.secret, "encoding": "hex"}]
    signature = {"method": "symmetric", "algorithms": ["HS256"], "keys": keys}
    stage.management.store("partners", scene.partner_id, {"name": "ACME", "signature": signature, "prefill": api})
    return scene


def _open_sessions(stage: Stage) -> int:
    ((count,),) = Rows(stage.deployment).query("SELECT count(*) FROM sessions WHERE stage NOT IN ('done', 'dead')")
    return int(count)


def _stored_wrongly(stage: Stage, arrived: SwiftCrowd) -> dict[str, object]:
    """Return the promised sessions that are not stored as what they should have become."""
    found = Rows(stage.deployment).query("SELECT id, stage, token_status, token_reason FROM sessions")
    stored = {id_: tuple(rest) for id_, *rest in found}
    return {
        id_: stored.get(id_)
        for id_, promise in arrived.promised.items()
        if stored.get(id_) != ("done", *_STORED[promise.kind])
    }


def _shown_wrongly(scene: Scene, promises: list[Promise]) -> dict[str, object]:
    """Return those of a sample whose participants see something else than they should."""
    wrong: dict[str, object] = {}
    for promise in promises[:: max(1, len(promises) // _SAMPLE)]:
        prefill = scene.participants.read(promise.visit)["prefill"]
        if (prefill["status"], prefill["source"]) != _SHOWN[promise.kind]:
            wrong[promise.visit.id] = prefill
    return wrong


def _participants_seen_twice(stage: Stage) -> int:
    """Count the participants with two sessions: each came once, so a repeated request must not have made a second."""
    twice = (
        "SELECT participant_digest FROM sessions WHERE participant_digest IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
    )
    return len(Rows(stage.deployment).query(twice))
