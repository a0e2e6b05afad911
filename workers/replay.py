"""The task that takes up dead letters for running replays: beat asks for it."""

from app.adapters.broker import REPLAY_TASK
from workers import runtime
from workers.celery_app import app


@app.task(name=REPLAY_TASK)
def advance() -> None:
    """Take up what the rates of the running replays allow."""
    runtime.current().look_replays()
