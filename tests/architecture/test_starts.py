"""What a process imports before it can work: what it never needs would hold up each start, and stay in memory."""

import json
import subprocess
import sys

import pytest

_TELL = "\nimport json, sys; print(json.dumps([name for name in sys.modules if '.' not in name or 'workers' in name]))"
_WORKER = "from workers.celery_app import app\napp.WorkController(pool='prefork')  # has forked nothing yet"


def _imported(program: str) -> set[str]:
    finished = subprocess.run([sys.executable, "-c", program + _TELL], capture_output=True, text=True, check=True)
    return set(json.loads(finished.stdout))


@pytest.mark.parametrize(
    ("program", "unneeded"),
    [
        ("import app.cli", {"aiohttp", "alembic", "celery", "jinja2", "pydantic", "sqlalchemy"}),
        ("import app.web.server", {"alembic", "workers"}),
        ("import workers.celery_app", {"aiohttp", "alembic", "jwcrypto", "sqlalchemy", "workers.composition"}),
        (_WORKER, {"alembic", "jinja2"}),
    ],
    ids=["command", "web", "beat", "worker"],
)
def test_process_imports_nothing_that_it_never_needs(program: str, unneeded: set[str]) -> None:
    assert _imported(program) & unneeded == set()


def test_worker_imports_what_its_children_run_before_they_are_forked() -> None:
    assert _imported(_WORKER) >= {"workers.composition", "sqlalchemy", "jwcrypto"}


def test_worker_that_cannot_be_composed_ends_instead_of_losing_child_after_child() -> None:
    harm = "import sys\nsys.modules['workers.composition'] = None\n"

    finished = subprocess.run([sys.executable, "-c", harm + _WORKER], capture_output=True, text=True, check=False)

    assert finished.returncode == 1
    assert "workers.composition" in finished.stderr.splitlines()[-1]
