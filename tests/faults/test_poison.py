"""A session whose work kills its process, or never ends: it runs three times, and its batch mates are unharmed."""

from pathlib import Path

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.faults.sabotage import prefix
from tests.faults.supervision import kept_running
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.rows import Rows
from tests.journey.scene import Scene, Stage
from tests.journey.stacks import EMBEDDED, REDIS

pytestmark = pytest.mark.journey

MATES = 10
RUNS = 3
ENDS_WITHIN_SECONDS = 60.0


@pytest.mark.parametrize(
    "stack", [pytest.param(EMBEDDED, id=EMBEDDED), pytest.param(REDIS, marks=pytest.mark.long, id=REDIS)]
)
@pytest.mark.parametrize(
    ("how", "stage_name", "token", "calls"),
    [
        pytest.param("poison", "verify", ("rejected", "token_malformed"), 0, id="verify"),
        pytest.param("hang", "verify", ("rejected", "token_malformed"), 0, id="verify-hangs"),
        pytest.param("poison", "fetch", ("accepted", None), MATES * RUNS, marks=pytest.mark.long, id="fetch"),
    ],
)
def test_poison_runs_exactly_three_times_and_its_batch_mates_are_unharmed(
    deploy: Deploy,
    judge: Judge,
    tmp_path: Path,
    stack: str,
    how: str,
    stage_name: str,
    token: tuple[str, str | None],
    calls: int,
) -> None:
    runs = tmp_path / "runs"
    with deploy(stack, prefixes={stage_name: prefix(how, runs)}) as stage:
        scene = stage.calling_scene({"max_concurrency": 50}, {"prefill_deadline_seconds": 120})
        stage.deployment.terminate(stage_name)
        mates = [_arrive(scene, f"mate-{number}", stage_name) for number in range(MATES // 2)]
        poison = _arrive(scene, f"poison-{stage_name}", stage_name)
        mates += [_arrive(scene, f"mate-{number}", stage_name) for number in range(MATES // 2, MATES)]
        eventually(lambda: _waiting(stage, stage_name) == MATES + 1, 20, f"all of them at the stage {stage_name}")

        stage.deployment.restart(stage_name)
        with kept_running(stage.deployment, stage_name):
            eventually(lambda: _is_dead(stage, poison), ENDS_WITHIN_SECONDS, "the end of the poison")
            ends = [scene.settle(mate) for mate in mates]

        assert runs.read_text().splitlines() == [stage_name] * RUNS
        end = scene.participants.read(poison)["token"]
        assert (end["status"], end["reason"]) == token
        assert [(end["token"]["status"], end["prefill"]["status"]) for end in ends] == [("accepted", "ready")] * MATES
        judge.close(
            stack, stage.deployment, [visit.id for visit in (*mates, poison)], scene.endpoint.count_calls(), calls
        )
        assert len(scene.endpoint.calls["poison-fetch"]) == 0


def _arrive(scene: Scene, sub: str, stage_name: str) -> Visit:
    return scene.arrive(sub=sub, form={"n": sub}) if stage_name == "verify" else scene.arrive(sub=sub)


def _waiting(stage: Stage, stage_name: str) -> int:
    ((count,),) = Rows(stage.deployment).query("SELECT count(*) FROM sessions WHERE stage = :stage", stage=stage_name)
    return int(count)


def _is_dead(stage: Stage, poison: Visit) -> bool:
    found = Rows(stage.deployment).query("SELECT stage, error_class FROM sessions WHERE id = :id", id=poison.id)
    return bool(found == [("dead", "poison")])
