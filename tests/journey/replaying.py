"""Dead letters made on purpose, and replays of them, as a management client sees both."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Scene, Stage

RATE = 20
OVER_WITHIN_SECONDS = 60


def bury(stage: Stage, number: int) -> tuple[Scene, list[Visit]]:
    """Make dead letters: the first call for each person is answered 404, which is final."""
    scene = stage.calling_scene()
    scene.endpoint.first = [Fault.NOT_FOUND]
    with ThreadPoolExecutor(4) as threads:
        visits = list(threads.map(lambda n: scene.arrive(sub=f"person-{n}"), range(number)))
    rows, ids = Rows(stage.deployment), [visit.id for visit in visits]
    eventually(lambda: set(rows.stages(ids).values()) == {"dead"}, 60, "all of them dead")
    # The processes' reckonings of the database's clock may differ: a replay begun at once would not know of them.
    eventually(lambda: _matched(stage, scene) == number, 10, "all of them to be replayed")
    return scene, visits


def start(stage: Stage, scene: Scene, **order: Any) -> str:
    """Start a replay of all that the partner has, final classes too, and return its id."""
    body = {"filter": {"partner_id": scene.partner_id}, "rate_per_second": RATE, "force": True, **order}
    answer = stage.management.post("replays", body)
    assert answer.status == 202, str(answer)
    return str(answer.json()["replay_id"])


def _matched(stage: Stage, scene: Scene) -> int:
    order = {"filter": {"partner_id": scene.partner_id}, "dry_run": True}
    return int(stage.management.post("replays", order).json()["matched"])


def progress(stage: Stage, replay_id: str) -> dict[str, Any]:
    """Return how far a replay is."""
    found: dict[str, Any] = stage.management.get(f"replays/{replay_id}").json()
    return found


def finished(stage: Stage, replay_id: str) -> dict[str, Any]:
    """Return the replay once it is done and nothing of it waits for its call."""

    def look() -> dict[str, Any] | None:
        now = progress(stage, replay_id)
        return now if now["state"] == "done" and not now["waiting"] else None

    return eventually(look, OVER_WITHIN_SECONDS, f"the end of {replay_id}")


def calls_by_person(scene: Scene) -> dict[str, int]:
    """Return how often the partner was asked for each person."""
    return {sub: len(calls) for sub, calls in scene.endpoint.calls.items()}
