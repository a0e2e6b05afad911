"""Whether the cost stays flat: many sessions stored, many partners, many long polls, a purge under load."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from time import sleep
from typing import Final, LiteralString

from bench.crowd import Job
from bench.figures import Figure
from bench.installation import CAMPAIGN_ID, PARTNER_ID, Installation, Running
from bench.load import Result, send
from bench.participant import Saturation, open_loop, saturate, saturate_now
from bench.prefill import configure, partner_with_api
from bench.scale import CROWDS, Scale
from bench.tokens import Signer, post_requests

_FLAT: Final = 1.15
_TURN_WARM_SECONDS: Final = 1.0
_ARRIVAL_SECONDS: Final = 3.0
"""For those who are to wait, and who come to a calm installation."""
_START_SECONDS: Final = 2.0
"""Until a client plays; nothing tells us when it does."""
_SPARE_SECONDS: Final = 12.0
"""How much longer than a turn they wait: clients take a while to start."""
_HELD: Final = "held"
_NOBODY: Final = 1
"""A port on which no partner listens: nothing calls it, since no fetch process runs."""

_COPY_SESSIONS: Final[LiteralString] = """
    INSERT INTO sessions (
        id, campaign_id, partner_id, stage, encrypted, received_at, deadline_at, expires_at, result, token_status,
        participant_digest, key_thumbprint, verified_at, settled_at, error_class)
    SELECT 'ses_0' || lpad(to_hex(n), 8, '0') || substr(md5(n::text), 1, 17), s.campaign_id, s.partner_id,
        CASE WHEN n %% 100 = 0 THEN 'dead' ELSE 'done' END, false,
        s.received_at - age, s.deadline_at - age, s.expires_at - age + %s::interval, s.result, s.token_status,
        md5(n::text), s.key_thumbprint, s.verified_at - age, s.settled_at - age,
        CASE WHEN n %% 100 = 0 THEN 'timeout' END
    FROM generate_series(%s::bigint, %s::bigint) AS n,
        LATERAL (SELECT interval '20 hours' * (n %% 1000) / 1000 AS age) AS ages,
        (SELECT * FROM sessions WHERE stage = 'done' AND result IS NOT NULL LIMIT 1) AS s
    ON CONFLICT (id) DO NOTHING"""
_COPY_PARTNERS: Final[LiteralString] = """
    INSERT INTO partners (id, version, document, sealed_secrets, created_at, updated_at)
    SELECT id || '-' || n, version, document, sealed_secrets, created_at, updated_at
    FROM partners, generate_series(1, %s::int) AS n WHERE id = %s"""
_COPY_CAMPAIGNS: Final[LiteralString] = """
    INSERT INTO campaigns (id, partner_id, version, document, sealed_secrets, created_at, updated_at)
    SELECT id || '-' || n, partner_id || '-' || n, version,
        jsonb_set(document::jsonb, '{partner_id}', to_jsonb(partner_id || '-' || n))::json,
        sealed_secrets, created_at, updated_at
    FROM campaigns, generate_series(1, %s::int) AS n WHERE id = %s"""

_SIZE: Final[LiteralString] = "SELECT pg_total_relation_size('sessions')::float8 / count(*) FROM sessions"


@dataclass(frozen=True, slots=True)
class Place:
    """An installation that runs, and the closed loop that is played on it for a short turn, again and again."""

    installation: Installation
    running: Running
    job: Job

    def warm_up(self, seconds: float) -> None:
        """Let participants come for so long."""
        send(replace(self.job, seconds=seconds))

    def fill(self, first: int, last: int, later: str = "0") -> None:
        """Store copies of a session of its own, which are deleted so much later than they would be."""
        self.installation.query(_COPY_SESSIONS, later, first, last)
        self.installation.query("VACUUM (ANALYZE) sessions")
        self.installation.query("CHECKPOINT")


@dataclass(frozen=True, slots=True)
class Turns:
    """What came of turns on the full place: what they cost by the plain ones, and how many a second were served."""

    ratio: float
    rate: float


@dataclass(frozen=True, slots=True)
class Flatness:
    """Two installations, of which one holds more and more: turns on it are compared with turns on the plain one."""

    plain: Place
    full: Place
    scale: Scale
    signer: Signer

    def figures(self) -> list[Figure]:
        """Measure one after the other; what is stored comes last, since it stays."""
        scale = self.scale
        for place in (self.plain, self.full):
            place.warm_up(_TURN_WARM_SECONDS)
        crowded = [] if CROWDS in scale.left_out else self._crowded()
        self.plain.fill(1, scale.stored_few)
        self.full.fill(1, scale.stored_many)
        stored = self._in_turn(lambda: self._again(self.full))
        return [
            *crowded,
            _flat(f"cost at {scale.stored_many:,} stored sessions ÷ cost at {scale.stored_few:,}", stored),
            Figure(
                "bytes on disk for one stored session, indexes included", self.full.installation.query(_SIZE), "bytes"
            ),
            *self._purge(stored.rate),
        ]

    def _crowded(self) -> list[Figure]:
        many = self._with_partners()
        many.warm_up(self.scale.warm_seconds * 2)  # until `verify` has imported each partner's keys, which it does once
        partners = self._in_turn(lambda: self._again(many))
        polls = self._in_turn(self._beside_long_polls)
        return [
            _flat(f"cost with {self.scale.partners:,} partners ÷ cost with 1", partners),
            _flat(f"cost beside {self.scale.long_polls:,} long polls that wait ÷ cost beside none", polls),
        ]

    def _in_turn(self, measure: Callable[[], Saturation]) -> Turns:
        """Return the medians, over several turns, of what `measure` costs by what is plain before and after it.

        A machine that others use changes its speed within a minute: two long stretches would tell of that.
        """
        before, ratios, rates = self._again(self.plain), [], []
        for _ in range(self.scale.turns):
            measured, after = measure(), self._again(self.plain)
            ratios.append(measured.cpu_micros * 2 / (before.cpu_micros + after.cpu_micros))
            rates.append(measured.result.ready_per_second)
            before = after
        return Turns(median(ratios), median(rates))

    def _again(self, place: Place) -> Saturation:
        return saturate(place.running, place.job, _TURN_WARM_SECONDS)

    def _with_partners(self) -> Place:
        """Return the full place with a partner and a campaign for each of its participants in turn."""
        installation, count = self.full.installation, self.scale.partners
        installation.query(_COPY_PARTNERS, count, PARTNER_ID)
        installation.query(_COPY_CAMPAIGNS, count, CAMPAIGN_ID)
        campaigns = [f"{CAMPAIGN_ID}-{number}" for number in range(1, count + 1)]
        posts = [post_requests(self.signer.tokens(id_, count=1), id_)[0] for id_ in campaigns]
        return replace(self.full, job=replace(self.full.job, firsts=posts))

    def _beside_long_polls(self) -> Saturation:
        with _waiting(self.full.installation, self.signer, self.scale):
            return saturate_now(self.full.running, self.full.job, _TURN_WARM_SECONDS)

    def _purge(self, rate: float) -> list[Figure]:
        """Let everything be deleted that was filled in, while participants arrive at 70 % of `rate`."""
        count, first, installation = self.scale.purged, self.scale.stored_many + 1, self.full.installation
        self.full.fill(first, first + count - 1, "-9 days")
        with ThreadPoolExecutor(1) as threads:
            purged = threads.submit(installation.command, "purge")
            result = open_loop(installation.port, self.scale, self.full.job, rate)
            purged.result()
        left = installation.query("SELECT count(*) FROM sessions WHERE expires_at < now()")
        return [
            Figure("POST 202, p99, while rows are purged", result.accepted_ms.p99, "ms"),
            Figure("POST → ready, p99, while rows are purged", result.ready_ms.p99, "ms"),
            Figure(f"rows left of {count:,} purged under load", left, "rows", 0, at_most=True),
        ]


@contextmanager
def _waiting(installation: Installation, signer: Signer, scale: Scale) -> Iterator[None]:
    """Let participants wait whose partner is not called, each on a long poll."""
    configure(installation, _HELD, partner_with_api(signer, _NOBODY, 50))
    posts = post_requests(signer.tokens(_HELD, with_form=False), _HELD)
    seconds, count = _ARRIVAL_SECONDS, scale.long_polls
    lasting = _TURN_WARM_SECONDS + scale.turn_seconds + _SPARE_SECONDS
    job = Job(installation.port, posts, count * 2, seconds, rate=count / seconds, most=count, grace_seconds=lasting)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(send, job)
        sleep(_START_SECONDS + _ARRIVAL_SECONDS)
        yield
        has_lasted = not held.done()
        result: Result = held.result()
    if not has_lasted or result.ready or result.accepted < count * 0.9:
        raise RuntimeError(f"{result.accepted} participants waited, {result.ready} did not: {result.statuses}")


def _flat(name: str, turns: Turns) -> Figure:
    return Figure(name, turns.ratio, "ratio", _FLAT, at_most=True)
