"""The tasks that keep the installation tidy: beat asks for them."""

from app.adapters.broker import PURGE_TASK, TASKS
from app.ports import Work
from workers import runtime
from workers.celery_app import app


@app.task(name=TASKS[Work.UPKEEP])
def sweep() -> None:
    """Look for due work of every kind and ring for it."""
    runtime.current().look(Work.UPKEEP)


@app.task(name=PURGE_TASK)
def purge() -> None:
    """Delete what has outlived its purpose."""
    runtime.current().look_purge()
