"""The task that a hint of the kind `verify` starts."""

from app.adapters.broker import TASKS
from app.ports import Work
from workers import runtime
from workers.celery_app import app


@app.task(name=TASKS[Work.VERIFY])
def verify_due() -> None:
    """Verify the sessions that are due."""
    runtime.current().look(Work.VERIFY)
