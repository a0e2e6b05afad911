"""The Celery app of all workers and of beat. Nothing is read or wired until it is first used.

A hint says only that there is work of a kind; the rows are the truth. So everything here may lose messages, and nothing
here may lose time. Gossip, mingle and heartbeat are switched off where the workers are started: they only feed remote
control.
"""

import warnings

from celery import Celery
from celery.exceptions import SecurityWarning

from app.adapters.broker import PURGE_TASK, REPLAY_TASK, TASKS, broker_configuration
from app.ports import Work
from workers import lifecycle, runtime

# Celery warns a worker of root for what pickled messages could do; ours are JSON, and say no more than "look".
warnings.filterwarnings("ignore", category=SecurityWarning)


def configuration() -> dict[str, object]:
    """Return Celery's settings, each with its reason."""
    settings = runtime.settings()
    return {
        **broker_configuration(settings.broker_url, settings.data_dir),
        # Late acknowledgement with prefetch 1: a worker takes a hint only when it is free, another one gets the next.
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        # A hint whose worker died is not sent again: the sweeps find its rows, and a poisonous one must not go round.
        "task_reject_on_worker_lost": False,
        "task_retry_on_worker_lost": False,
        # There is no result: a row says what became of a session.
        "task_ignore_result": True,
        "result_backend": None,
        "result_accept_content": ["json"],
        # A worker without a broker goes on by its own sweeps, and keeps trying.
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_consumer": "workers.consumer:PatientConsumer",
        # A publisher's retry would hold up beat, whose next tick comes soon enough.
        "task_publish_retry": False,
        # Queues are those of `Work`; a misspelled one is an error.
        "task_create_missing_queues": False,
        # Hints need no replication, and asking for quorum queues would need the management plugin's rights.
        "worker_detect_quorum_queues": False,
        # Nobody may steer our workers through the broker, and nobody listens to their events.
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_disable_rate_limits": True,
        # Logs are ours (app.logs), and stdout is nobody's.
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # One process per core that we may use; the pools of threads are given their size where they are started.
        "worker_concurrency": settings.verify_processes or "auto",
        # Celery kills a child that it has not heard of for this long, and while there is no broker it does not listen.
        "worker_proc_alive_timeout": 86_400,
        # Beat keeps no file: a missed tick is made up for by the next, and by the sweeps.
        "beat_scheduler": "workers.beat:SparingScheduler",
        "beat_schedule": {
            "refresh": _every(15, TASKS[Work.REFRESH], Work.REFRESH),
            "sweep": _every(5, TASKS[Work.UPKEEP], Work.UPKEEP),
            "purge": _every(60, PURGE_TASK, Work.UPKEEP),
            "replays": _every(15, REPLAY_TASK, Work.UPKEEP),
        },
    }


def _every(seconds: int, task: str, work: Work) -> dict[str, object]:
    """Return an entry of beat's schedule; a tick that waited for the next one is worth nothing."""
    return {"task": task, "schedule": float(seconds), "options": {"queue": work.value, "expires": seconds}}


app = Celery(
    "vestibule",
    include=["workers.verify", "workers.fetch", "workers.refresh", "workers.replay", "workers.upkeep"],
    fixups=[],
)
app.add_defaults(configuration)
lifecycle.install(app)
