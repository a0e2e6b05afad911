"""The sections of a run: each starts what it measures, and returns its figures."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Self

from bench.crowd import Job
from bench.crypto_api import crypto_api_figures
from bench.figures import Figure
from bench.first_session import first_session_figures
from bench.floors import Floors, crowded_constant_micros, measure_floors
from bench.growth import growth_figures
from bench.installation import CAMPAIGN_ID, Installation, Running, install
from bench.load import Result
from bench.one_token import one_token_figures
from bench.participant import (
    USERS,
    Saturation,
    cost_figures,
    crowded_floor_figures,
    half_loaded,
    half_overload_figures,
    latency_figures,
    open_loop,
    overload,
    overload_figures,
    own_connections_figures,
    saturate,
)
from bench.parts import part_figures
from bench.prefill import CONCURRENCY, double, prefill_figures
from bench.rivals import Peer, measure_peer, peer_figures, peers, rival_figures
from bench.scale import CROWDED_FLOOR, HALF_LOAD, HALF_OVERLOAD, OWN_CONNECTIONS, Scale
from bench.servers import Servers
from bench.stored import Flatness, Place
from bench.tokens import Signer, post_requests
from bench.traffic import Traffic


@dataclass(slots=True)
class Bench:
    """What the sections share; `saturation` is set by the first of them.

    `template` is a database whose partner does not encrypt: copies of it need no setting up, and start alike.
    """

    servers: Servers
    scale: Scale
    signer: Signer
    posts: list[str]
    floors: Floors
    template: str | None = None
    saturation: Saturation | None = None
    numbers: list[int] = field(default_factory=lambda: list(range(1, 16)))

    @classmethod
    def prepare(cls, servers: Servers, scale: Scale) -> Self:
        """Make the tokens and measure the floors."""
        signer = Signer.make()
        posts = post_requests(signer.tokens(CAMPAIGN_ID), CAMPAIGN_ID)
        return cls(servers, scale, signer, posts, measure_floors(servers, scale, signer, posts))

    def measure_floors(self) -> Floors:
        """Measure them once more."""
        return measure_floors(self.servers, self.scale, self.signer, self.posts)

    def crowded_floor_figures(self, saturation: Saturation) -> list[Figure]:
        """Measure the floor with as many under way as the participants were, and compare them with that one too."""
        constant = crowded_constant_micros(self.servers, self.scale, self.posts, USERS)
        return crowded_floor_figures(saturation, self.floors, constant)

    def install(self, encryption: str | None = None, **settings: str) -> Installation:
        """Return a new installation whose partner signs with our key, and encrypts by that method."""
        servers = self.servers
        if encryption is not None:
            installation = install(servers, servers.create_database(), self.numbers.pop(0), **settings)
            installation.set_up(self._partner({"method": encryption}))
            return installation
        if self.template is None:
            self.template = servers.create_database()
            install(servers, self.template, self.numbers[0]).set_up(self._partner(None))
        return install(servers, servers.create_database(self.template), self.numbers.pop(0), **settings)

    def _partner(self, encryption: Mapping[str, str] | None) -> Mapping[str, object]:
        signature = {"method": "public_key", "keys": [{"jwk": self.signer.public}], "algorithms": ["RS256"]}
        return {"name": "ACME", "signature": signature, "encryption": encryption}

    def job(self, port: int) -> Job:
        """Return the closed loop of participants at `port`."""
        return Job(port, self.posts, USERS, self.scale.saturation_seconds)


def measure_participant(bench: Bench) -> list[Figure]:
    """Measure cost, throughput, latency and overload of one installation."""
    installation = bench.install()
    job = bench.job(installation.port)
    with installation.running() as running:
        before = Traffic.read(installation)
        saturation = bench.saturation = saturate(running, job, bench.scale.warm_seconds)
        running.wait_until_calm()
        traffic = Traffic.read(installation).figures_since(before)
        bench.floors = bench.floors.halfway_to(bench.measure_floors())
        crowded = [] if CROWDED_FLOOR in bench.scale.left_out else bench.crowded_floor_figures(saturation)
        rate = saturation.result.ready_per_second
        at_half = [] if HALF_LOAD in bench.scale.left_out else half_loaded(installation.port, bench.scale, job, rate)
        calm = open_loop(installation.port, bench.scale, job, rate)
        flooded = overload(installation, bench.scale, job, rate)
        more = _more_figures(bench, running, job, rate, calm)
    cost = [*cost_figures(saturation, bench.floors), *crowded, *traffic]
    return [*cost, *at_half, *latency_figures(calm), *overload_figures(flooded, calm), *more]


def _more_figures(bench: Bench, running: Running, job: Job, rate: float, calm: Result) -> list[Figure]:
    figures: list[Figure] = []
    if HALF_OVERLOAD not in bench.scale.left_out:
        figures += half_overload_figures(job.port, bench.scale, job, rate, calm)
    if OWN_CONNECTIONS not in bench.scale.left_out:
        figures += own_connections_figures(running, bench.scale, job)
    return figures


def measure_tokens(bench: Bench) -> list[Figure]:
    """Measure one token in process."""
    token = bench.signer.tokens(CAMPAIGN_ID, count=1)[0]
    return one_token_figures(bench.signer, token, bench.scale.verifications)


def measure_crypto_api(bench: Bench) -> list[Figure]:
    """Measure the Crypto API, on an installation of its own."""
    return crypto_api_figures(bench.install("crypto_api"), bench.scale, bench.signer.tokens(CAMPAIGN_ID))


def measure_parts(bench: Bench) -> list[Figure]:
    """Measure what each part does by itself, with all cores to itself, on an installation of its own."""
    return part_figures(bench.install(VERIFY_PROCESSES="0"), bench.scale, bench.signer, bench.posts, bench.floors)


def measure_prefill(bench: Bench) -> list[Figure]:
    """Measure the calls to partners, on an installation of its own."""
    installation = bench.install(FETCH_CONCURRENCY=str(CONCURRENCY), DRAIN_SECONDS="1")
    with double(bench.servers) as partner:
        return prefill_figures(installation, bench.scale, bench.signer, partner)


def measure_flatness(bench: Bench) -> list[Figure]:
    """Measure whether cost stays flat, on two installations whose partners nobody calls."""
    with _place(bench) as plain, _place(bench) as full:
        return Flatness(plain, full, bench.scale, bench.signer).figures()


@contextmanager
def _place(bench: Bench) -> Iterator[Place]:
    installation = bench.install(DRAIN_SECONDS="1")
    job = replace(bench.job(installation.port), seconds=bench.scale.turn_seconds)
    with installation.running("verify", "upkeep", "beat") as running:
        yield Place(installation, running, job)


def measure_growth(bench: Bench) -> list[Figure]:
    """Measure memory, on an installation of its own."""
    installation = bench.install()
    with installation.running() as running:
        return growth_figures(running, bench.job(installation.port), bench.scale)


def measure_first_session(bench: Bench) -> list[Figure]:
    """Measure `make run`."""
    return first_session_figures(bench.servers.folder)


def measure_peers(bench: Bench) -> list[Figure]:
    """Measure the peers, between two measurements of the service: machines change their speed within a run."""
    measured: list[tuple[Peer, Saturation]] = []
    for peer in peers(bench.scale):
        job = replace(bench.job(0), seconds=bench.scale.peer_seconds)
        measured.append((peer, measure_peer(bench.servers, peer, bench.signer.public, job, bench.numbers.pop(0))))
    figures = [figure for peer, theirs in measured for figure in peer_figures(peer, theirs)]
    if bench.saturation is None:
        return figures
    ours = [bench.saturation, _saturate_once_more(bench)]
    again = Figure("participants per second, once more after the peers", ours[1].result.ready_per_second, "1/s")
    return [*figures, again, *(figure for peer, theirs in measured for figure in rival_figures(peer, theirs, ours))]


def _saturate_once_more(bench: Bench) -> Saturation:
    installation = bench.install()
    with installation.running() as running:
        return saturate(running, bench.job(installation.port), bench.scale.warm_seconds)
