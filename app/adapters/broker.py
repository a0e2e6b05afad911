"""How we speak to the broker: queues, task names and connection options, the same for who sends and who receives.

All of it is a Celery configuration. Knows nothing of the rows that hints announce.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from kombu import Exchange, Queue

from app.adapters import hint_files
from app.ports import Work

TASKS: Mapping[Work, str] = MappingProxyType(
    {
        Work.VERIFY: "sessions.verify_due",
        Work.FETCH: "sessions.fetch_due",
        Work.REFRESH: "keysets.refresh_due",
        Work.UPKEEP: "upkeep.sweep",
    }
)
"""The task that a hint of each kind starts."""
PURGE_TASK = "upkeep.purge"
REPLAY_TASK = "replays.advance"

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0
"""A frozen broker accepts connections and never answers; nobody waits longer than this for it."""
HEARTBEAT_SECONDS = 15
POLLING_SECONDS = 0.02
"""The embedded broker's files are looked at this often: a hundredth of a core for all workers together."""
VISIBILITY_SECONDS = 60
"""Redis hands a hint that was never acknowledged to another worker after this; longer than any task may run."""


def broker_configuration(url: str, data_dir: Path) -> dict[str, object]:
    """Return the Celery settings of the connection to `url`, or to files in `data_dir` if it is empty."""
    scheme = urlsplit(url).scheme
    is_embedded = scheme in ("", "filesystem")
    return {
        "broker_url": f"{hint_files.SCHEME}://localhost" if is_embedded else url,
        "broker_transport_options": _transport_options("" if is_embedded else scheme, data_dir),
        "broker_connection_timeout": CONNECT_SECONDS,
        "broker_heartbeat": HEARTBEAT_SECONDS,
        "task_queues": [queue_of(work) for work in Work],
        "task_default_queue": Work.UPKEEP.value,
        "task_default_delivery_mode": "transient",  # a hint is not worth a disk write
        "task_serializer": "json",
        "accept_content": ["json"],
    }


def queue_of(work: Work) -> Queue:
    """Return the queue of `work`, on the default exchange: nothing to bind, nothing that an emptied broker forgets."""
    return Queue(work.value, Exchange("", type="direct"), routing_key=work.value)


def _transport_options(scheme: str, data_dir: Path) -> dict[str, object]:
    match scheme:
        case "":
            return {"folder": str(data_dir.absolute() / "broker"), "polling_interval": POLLING_SECONDS}
        case "redis" | "rediss":
            return {
                "socket_timeout": ANSWER_SECONDS,
                "socket_connect_timeout": CONNECT_SECONDS,
                "socket_keepalive": True,  # a peer that vanished is noticed by an idle connection
                "health_check_interval": HEARTBEAT_SECONDS,
                "visibility_timeout": VISIBILITY_SECONDS,
            }
        case _:
            return {
                "confirm_publish": True,  # else a sender writes into a dead connection for minutes, unnoticed
                "read_timeout": ANSWER_SECONDS,
                "write_timeout": ANSWER_SECONDS,
            }
