"""The task that a hint of the kind `refresh` starts."""

from app.adapters.broker import TASKS
from app.ports import Work
from workers import runtime
from workers.celery_app import app


@app.task(name=TASKS[Work.REFRESH])
def refresh_due() -> None:
    """Refresh the key sets that are due."""
    runtime.current().look(Work.REFRESH)
