"""The task that a hint of the kind `fetch` starts."""

from app.adapters.broker import TASKS
from app.ports import Work
from workers import runtime
from workers.celery_app import app


@app.task(name=TASKS[Work.FETCH])
def fetch_due() -> None:
    """Make the prefill calls that are due."""
    runtime.current().look(Work.FETCH)
