"""A crowd of participants that keeps arriving while processes are killed, and the account of what became of each.

Every 202 is noted with the outcome that it promises; refusals and lost connections promise nothing, and are counted.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.rows import Rows
from tests.journey.scene import Scene, Stage
from tests.journey.tokens import Signer, claims_for

KEPT_WITHIN_SECONDS = 30.0
_TERMINAL = {"done", "dead"}
_KINDS = ("carried", "fetched", "refused")
_OUTCOMES = {"carried": ("accepted", "ready", "token"), "fetched": ("accepted", "ready", "partner")}
_REFUSED = ("rejected", "none", None)
_PAUSE_SECONDS = 0.05


@dataclass(slots=True)
class Crowd:
    """Participants of one campaign: some bring their data, some need a call, some bring an expired token."""

    scene: Scene
    kinds: tuple[str, ...]
    promised: dict[str, tuple[Visit, str, str]] = field(default_factory=dict)
    """Visit, kind and sub by session id."""
    turned_away: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    _numbers: "count[int]" = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _leaving: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def grow(self, by: int, within_seconds: float = 30) -> None:
        """Wait until so many more sessions were promised."""
        wanted = len(self.promised) + by
        eventually(lambda: len(self.promised) >= wanted, within_seconds, f"{by} more sessions ({self.turned_away})")

    def keep_arriving(self) -> None:
        """Arrive again and again until the crowd leaves."""
        while not self._leaving.wait(_PAUSE_SECONDS):
            self._arrive_once()

    def arrive(self, threads: int) -> None:
        """Begin to arrive, so many at a time."""
        self._threads = [threading.Thread(target=self.keep_arriving) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        """Stop arriving; return when everybody under way has an answer, so that nobody is promised anything later."""
        self._leaving.set()
        for thread in self._threads:
            thread.join()

    def _arrive_once(self) -> None:
        number = next(self._numbers)
        kind = self.kinds[number % len(self.kinds)]
        sub = f"{kind}-{number}"
        token = self.scene.signer.sign(claims_for(self.scene.campaign_id, sub=sub, **changes_for(kind, sub)))
        began_at = time.monotonic()
        try:
            answer = self.scene.participants.post(self.scene.campaign_id, {"token": token})
        except ConnectionError:
            self._turn_away("no answer")
            return
        if answer.status != 202:
            self._turn_away(str(answer.status))
            return
        body = answer.json()
        visit = Visit(body["session_id"], body["session_key"], self.scene.campaign_id)
        with self._lock:
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began_at)
            assert visit.id not in self.promised
            self.promised[visit.id] = (visit, kind, sub)

    def _turn_away(self, why: str) -> None:
        with self._lock:
            self.turned_away[why] += 1


@contextmanager
def crowd(stage: Stage, kinds: tuple[str, ...] = _KINDS, threads: int = 3) -> Iterator[Crowd]:
    """Let a crowd arrive until the end of the block."""
    signer = Signer.make("ES256")
    scene = stage.scene(signer)
    stage.give_api(scene, {"max_concurrency": 50})
    arriving = Crowd(scene, kinds)
    arriving.arrive(threads)
    try:
        yield arriving
    finally:
        arriving.leave()


def changes_for(kind: str, sub: str) -> Mapping[str, Any]:
    """Return the claims that make the token of `sub` one of its kind."""
    match kind:
        case "carried":
            return {"form": {"n": sub}}
        case "refused":
            return {"exp": 1}
        case _:
            return {}


def assert_promises_kept(stage: Stage, arrived: Crowd, most_calls: int) -> None:
    """Check that every promised session ends once, with its outcome, after at most so many calls."""
    rows, ids = Rows(stage.deployment), list(arrived.promised)
    eventually(lambda: _all_terminal(rows, ids), KEPT_WITHIN_SECONDS, f"{len(ids)} sessions terminal")

    fetched = {id_: sub for id_, (_, kind, sub) in arrived.promised.items() if kind == "fetched"}
    calls = {sub: len(arrived.scene.endpoint.calls[sub]) for sub in fetched.values()}

    assert_outcomes_kept(arrived)
    assert rows.successes(ids) == dict.fromkeys(fetched, 1)
    assert {sub: seen for sub, seen in calls.items() if not 1 <= seen <= most_calls} == {}


def assert_outcomes_kept(arrived: Crowd) -> None:
    """Check that every promised session shows the outcome that it promised."""
    outcomes = {id_: _outcome(arrived.scene, visit) for id_, (visit, _, _) in arrived.promised.items()}
    assert outcomes == {id_: _OUTCOMES.get(kind, _REFUSED) for id_, (_, kind, _) in arrived.promised.items()}


def _all_terminal(rows: Rows, ids: list[str]) -> bool:
    stages = rows.stages(ids)
    return len(stages) == len(ids) and _TERMINAL.issuperset(stages.values())


def _outcome(scene: Scene, visit: Visit) -> tuple[str, str, str | None]:
    body = scene.participants.read(visit)
    return body["token"]["status"], body["prefill"]["status"], body["prefill"]["source"]
