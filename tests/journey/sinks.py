"""Every place where a secret could come to light: logs, broker, database, metrics, command lines.

Knows where to look; refuses to know what is secret.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kombu
import redis

from tests.journey.calls import call
from tests.journey.rows import Rows
from tests.journey.scene import Stage
from tests.journey.stacks import EMBEDDED, REDIS
from tests.servers.rabbitmq import RabbitMQ

QUEUES = ("verify", "fetch", "refresh", "upkeep")


def everything_that_shows(stage: Stage) -> Iterator[tuple[str, bytes]]:
    """Return name and content of each sink but the broker."""
    deployment = stage.deployment
    for role, text in deployment.logs().items():
        yield f"log of {role}", text.encode()
    yield "log of release", (deployment.folder / "release.log").read_bytes()
    yield from database(stage)
    yield "metrics", call("GET", f"{deployment.admin_url}/metrics").body
    for member in deployment.members():
        yield f"command line of {member.pid}", Path(f"/proc/{member.pid}/cmdline").read_bytes()


def database(stage: Stage) -> Iterator[tuple[str, bytes]]:
    """Return every stored value as it is stored; of SQLite, the files too, which hold what was deleted."""
    for table, value in Rows(stage.deployment).all_values():
        yield f"table {table}", _octets(value)
    if stage.name == EMBEDDED:
        for path in stage.deployment.data_dir.iterdir():
            if "sqlite" in path.name or ".db" in path.name:
                yield path.name, path.read_bytes()


def broker(stage: Stage) -> list[bytes]:
    """Return what waits in the broker; a message of RabbitMQ is put back where it was."""
    match stage.name:
        case name if name == EMBEDDED:
            return [path.read_bytes() for path in (stage.deployment.data_dir / "broker").rglob("*.hint")]
        case name if name == REDIS:
            with redis.Redis.from_url(stage.deployment.settings["BROKER_URL"]) as client:
                return [_octets(_redis_value(client, key)) for key in client.scan_iter()]
        case _:
            return list(_rabbitmq_messages(stage.broker))


def _rabbitmq_messages(server: RabbitMQ) -> Iterator[bytes]:
    with kombu.Connection(server.url) as connection, connection.channel() as opened:
        channel: Any = opened  # the channel of py-amqp, which kombu types as one of its own
        for queue in QUEUES:
            channel.queue_declare(queue, durable=True, auto_delete=False)  # its worker may not have come to it yet
            taken = []
            while (message := channel.basic_get(queue)) is not None:
                taken.append(message)
                yield _octets((message.body, message.headers, message.properties))
            for message in taken:
                channel.basic_reject(message.delivery_tag, requeue=True)


def _redis_value(client: Any, key: bytes) -> object:
    match client.type(key):
        case b"list":
            return key, client.lrange(key, 0, -1)
        case b"hash":
            return key, client.hgetall(key)
        case b"set":
            return key, client.smembers(key)
        case b"zset":
            return key, client.zrange(key, 0, -1, withscores=True)
        case _:
            return key, client.get(key)


def _octets(value: object) -> bytes:
    match value:
        case bytes() | memoryview():
            return bytes(value)
        case str():
            return value.encode()
        case _:
            return repr(value).encode()
