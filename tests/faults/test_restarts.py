"""A rolling restart by SIGTERM of every process under load, and two versions at once on one database."""

import re
from pathlib import Path

import pytest

from tests.faults.account import Judge
from tests.faults.conftest import Deploy
from tests.faults.earlier_version import EarlierVersion
from tests.journey.crowd import crowd
from tests.journey.deployment import ROLES, ROOT, WORKERS
from tests.journey.partner_double import Fault
from tests.journey.rows import Rows
from tests.journey.scene import Stage
from tests.journey.stacks import EMBEDDED, REDIS
from tests.servers.leaving_out import found

pytestmark = pytest.mark.journey

FEW = 15
LEASING = ("verify", "fetch")
"""Who holds sessions; upkeep's leases of key sets and replays are judged in `keysets/` and `test_replays_killed.py`."""
_OTHER_SETTINGS = {"CLAIM_ROWS": "3", "LEASE_SECONDS": "5", "SWEEP_SECONDS": "0.3", "VERIFY_PROCESSES": "1"}
NEW_ONES = tuple(f"{role}2" for role in WORKERS)


@pytest.fixture(scope="module")
def earlier_version(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> EarlierVersion:
    return found(lambda: EarlierVersion.unpack(tmp_path_factory.mktemp("earlier")), pytestconfig.stash)


def test_rolling_restart_of_every_process_under_load_loses_nothing_and_leaves_no_lease(
    shaken: Stage, judge: Judge
) -> None:
    statuses, leased = {}, {}
    with crowd(shaken) as arriving:
        arriving.scene.endpoint.first = [Fault.NONE, Fault.LATE]
        for role in ROLES:
            arriving.grow(FEW)
            statuses[role] = shaken.deployment.terminate(role)
            if role in LEASING:
                leased[role] = Rows(shaken.deployment).leased(role)
            shaken.deployment.restart(role)
        arriving.grow(FEW)

    assert statuses == dict.fromkeys(ROLES, 0)
    assert leased == dict.fromkeys(LEASING, 0)
    assert set(arriving.turned_away) <= {"no answer", "503"}
    judge.close_crowd(shaken, arriving, most_calls=1)


@pytest.mark.parametrize(
    "stack", [pytest.param(EMBEDDED, id=EMBEDDED), pytest.param(REDIS, marks=pytest.mark.long, id=REDIS)]
)
def test_two_configurations_at_once_on_one_database_lose_nothing(deploy: Deploy, judge: Judge, stack: str) -> None:
    with deploy(stack, role_settings=dict.fromkeys(NEW_ONES, _OTHER_SETTINGS)) as stage:
        _let_the_old_ones_go(stage, judge)


@pytest.mark.long
@pytest.mark.parametrize("stack", [EMBEDDED, REDIS])
def test_two_versions_at_once_on_one_database_lose_nothing(
    deploy: Deploy, judge: Judge, earlier_version: EarlierVersion, stack: str
) -> None:
    assert earlier_version.workers.is_relative_to(earlier_version.tree)

    with deploy(stack, prefixes=dict.fromkeys(WORKERS, earlier_version.prefix)) as stage:
        _let_the_old_ones_go(stage, judge)


def _let_the_old_ones_go(stage: Stage, judge: Judge) -> None:
    """Start new workers beside the old ones, and end these one after the other under load, as a deployment does it."""
    for role in NEW_ONES:
        stage.deployment.start_role(role)
    stage.deployment.wait_until_connected()
    with crowd(stage) as arriving:
        arriving.grow(3 * FEW)
        for role in WORKERS:
            assert stage.deployment.terminate(role) == 0
        arriving.grow(3 * FEW)

    judge.close_crowd(stage, arriving, most_calls=1)
    for role in NEW_ONES:
        assert stage.deployment.terminate(role) == 0


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))],
)
def test_migration_only_adds_so_that_the_version_before_goes_on(path: Path) -> None:
    upgrade = path.read_text().partition("def upgrade")[2].partition("def downgrade")[0]

    # An index may be replaced by a better one: nobody names it.
    taken_away = re.findall(r"\b(drop_(?!index)\w+|alter_column|rename_\w+|DROP \w+|ALTER COLUMN)\b", upgrade)

    assert upgrade
    assert taken_away == []
