"""The peers, measured as the service is: same client, same servers, same tokens.

They have no long poll, so their participants ask again every half second; how many are under way is chosen by a first
look so that hardly anybody asks in vain and nobody waits for the crowd.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.jose.base64url import decode
from bench.crowd import Job
from bench.figures import Figure
from bench.installation import Running
from bench.load import send
from bench.participant import Saturation, saturate
from bench.scale import NODE_PEER, Scale
from bench.servers import Servers, process, wait_until_it_answers
from tests.servers.process import free_port

PYTHON: Final = Path("bench/.venv/bin/python").absolute()
NODE_FOLDER: Final = Path("bench/peers/node").absolute()
_POLL_SECONDS: Final = 0.5
_FIRST_LOOK_SECONDS: Final = 2.0
_FIRST_LOOK_USERS: Final = 256
_LEAST_USERS: Final = 128
_SPARE: Final = 2.0
_CORES: Final = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: its commands by role (`{port}` is replaced), and whether it answers `ready` at the first read.

    `goal` is how many times as many participants per second the service is to serve.
    """

    name: str
    commands: Mapping[str, Sequence[str | Path]]
    goal: float | None = None
    is_inline: bool = False
    folder: Path | None = None


INLINE: Final = Peer(
    "(a) inline",
    {
        "web": [
            PYTHON,
            "-m",
            "uvicorn",
            "bench.peers.inline:app",
            "--port",
            "{port}",
            "--workers",
            str(_CORES),
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--log-level",
            "warning",
        ]
    },
    goal=4.0,
    is_inline=True,
)
QUEUE: Final = Peer(
    "(b) textbook queue",
    {
        "web": [PYTHON, "-m", "bench.peers.queue_web", "{port}"],
        "worker": [
            PYTHON,
            "-m",
            "celery",
            "--quiet",
            "-A",
            "bench.peers.queue_tasks",
            "worker",
            "--pool",
            "prefork",
            "--concurrency",
            str(_CORES),
            "--loglevel",
            "warning",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ],
    },
    goal=10.0,
)
NODE: Final = Peer(
    "(c) Node",
    {"web": ["node", "web.js", "{port}"], "worker": ["node", "worker.js"]},
    folder=NODE_FOLDER,
)


def peers(scale: Scale) -> list[Peer]:
    """Return those that are measured and can run here: Node's needs npm's packages."""
    has_node = shutil.which("node") and (NODE_FOLDER / "node_modules").is_dir()
    return [INLINE, QUEUE, *([NODE] if has_node and NODE_PEER not in scale.left_out else [])]


def measure_peer(servers: Servers, peer: Peer, public: Mapping[str, str], job: Job, number: int) -> Saturation:
    """Return what the closed loop finds of a peer; `number` is its database of Redis."""
    url = servers.create_database()
    environment = {
        "PEER_DATABASE_URL": url.replace("+psycopg", ""),
        "PEER_BROKER_URL": servers.redis_url(number),
        "PEER_PUBLIC_KEY": _pem(public),
    }
    subprocess.run([PYTHON, "-m", "bench.peers.make_tables"], env={**os.environ, **environment}, check=True)
    with _running(servers, peer, environment) as (running, port):
        poll = replace(job, port=port, wait_seconds=0, poll_seconds=0.0 if peer.is_inline else _POLL_SECONDS)
        if not peer.is_inline:
            running.wait_until_calm()
            look = send(replace(poll, seconds=_FIRST_LOOK_SECONDS, users=_FIRST_LOOK_USERS))
            poll = replace(poll, users=max(_LEAST_USERS, int(look.ready_per_second * _POLL_SECONDS * _SPARE)))
        saturation = saturate(running, poll, 1.0)
    servers.postgres.drop_database(url)
    return saturation


def peer_figures(peer: Peer, theirs: Saturation) -> list[Figure]:
    """Return what was found of a peer."""
    return [
        Figure(f"peer {peer.name}: participants per second", theirs.result.ready_per_second, "1/s"),
        Figure(f"peer {peer.name}: CPU per participant", theirs.cpu_micros, "µs CPU"),
        *(
            Figure(f"peer {peer.name}: CPU per participant: {role}", micros, "µs CPU")
            for role, micros in theirs.micros_by_role().items()
        ),
        Figure(f"peer {peer.name}: reads per participant", theirs.result.reads / theirs.result.ready, "GETs"),
    ]


def rival_figures(peer: Peer, theirs: Saturation, ours: Sequence[Saturation]) -> list[Figure]:
    """Return how the service, as it was before and after, stands to a peer."""
    rate = fmean(one.result.ready_per_second for one in ours) / theirs.result.ready_per_second
    cost = theirs.cpu_micros / fmean(one.cpu_micros for one in ours)
    return [
        Figure(f"participants per second ÷ peer {peer.name}", rate, "ratio", peer.goal),
        Figure(f"CPU per participant of peer {peer.name} ÷ ours", cost, "ratio"),
    ]


@contextmanager
def _running(servers: Servers, peer: Peer, environment: Mapping[str, str]) -> Iterator[tuple[Running, int]]:
    port = free_port()
    pids = {role: [pid] for role, pid in servers.pids().items()}
    with ExitStack() as stack:
        for role, command in peer.commands.items():
            words = [str(port) if word == "{port}" else word for word in command]
            log = servers.folder / f"peer-{role}.log"
            pids[role] = [stack.enter_context(process(words, environment, log, peer.folder))]
        wait_until_it_answers(f"http://127.0.0.1:{port}/v1/sessions/ses_0")
        yield Running(pids), port


def _pem(public: Mapping[str, str]) -> str:
    modulus, exponent = (int.from_bytes(decode(public[name])) for name in ("n", "e"))
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
