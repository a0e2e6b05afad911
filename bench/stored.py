"""Whether the cost stays flat: many sessions stored, many partners, many long polls, a purge under load."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, LiteralString

from bench.crowd import Job
from bench.figures import Figure
from bench.installation import CAMPAIGN_ID, PARTNER_ID, Installation, Running
from bench.load import Result, send
from bench.participant import Saturation, open_loop, saturate
from bench.prefill import configure, partner_with_api
from bench.scale import CROWDS, Scale
from bench.tokens import Signer, post_requests

_FLAT: Final = 1.15
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
class Flatness:
    """One installation, and the closed loop that is played on it again and again."""

    installation: Installation
    running: Running
    scale: Scale
    signer: Signer
    job: Job

    def figures(self) -> list[Figure]:
        """Measure each between two of the plain kind; sessions that pile up meanwhile are a few thousand."""
        scale = self.scale
        crowded = [] if CROWDS in scale.left_out else self._crowded()
        few, many = self._at(scale.stored_few), self._at(scale.stored_many)
        return [
            *crowded,
            _flat(f"cost at {scale.stored_many:,} stored sessions ÷ cost at {scale.stored_few:,}", many, few),
            Figure("bytes on disk for one stored session, indexes included", self.installation.query(_SIZE), "bytes"),
            *self._purge(few.result.ready_per_second),
        ]

    def _crowded(self) -> list[Figure]:
        before, partners, between = self._again(), self._with_partners(), self._again()
        polls, after = self._beside_long_polls(), self._again()
        return [
            _flat(f"cost with {self.scale.partners:,} partners ÷ cost with 1", partners, before, between),
            _flat(
                f"cost beside {self.scale.long_polls:,} long polls that wait ÷ cost beside none", polls, between, after
            ),
        ]

    def _again(self) -> Saturation:
        return saturate(self.running, self.job, self.scale.warm_seconds)

    def _with_partners(self) -> Saturation:
        count = self.scale.partners
        self.installation.query(_COPY_PARTNERS, count, PARTNER_ID)
        self.installation.query(_COPY_CAMPAIGNS, count, CAMPAIGN_ID)
        campaigns = [f"{CAMPAIGN_ID}-{number}" for number in range(1, count + 1)]
        posts = [post_requests(self.signer.tokens(id_, count=1), id_)[0] for id_ in campaigns]
        # Longer, until each child of `verify` has imported each partner's keys, which it does once.
        return saturate(self.running, replace(self.job, firsts=posts), self.scale.warm_seconds * 2)

    def _beside_long_polls(self) -> Saturation:
        with _waiting(self.installation, self.signer, self.scale):
            return self._again()

    def _at(self, count: int) -> Saturation:
        self._fill(1, count, "0")
        return self._again()

    def _fill(self, first: int, last: int, later: str) -> None:
        self.installation.query(_COPY_SESSIONS, later, first, last)
        self.installation.query("VACUUM (ANALYZE) sessions")
        self.installation.query("CHECKPOINT")

    def _purge(self, rate: float) -> list[Figure]:
        """Let everything be deleted that was filled in, while participants arrive at 70 % of `rate`."""
        count, first = self.scale.purged, self.scale.stored_many + 1
        self._fill(first, first + count - 1, "-9 days")
        with ThreadPoolExecutor(1) as threads:
            purged = threads.submit(self.installation.command, "purge")
            result = open_loop(self.installation.port, self.scale, self.job, rate)
            purged.result()
        left = self.installation.query("SELECT count(*) FROM sessions WHERE expires_at < now()")
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
    seconds, count = 3.0, scale.long_polls
    lasting = scale.warm_seconds + scale.flat_seconds + 5
    job = Job(installation.port, posts, count * 2, seconds, rate=count / seconds, most=count, grace_seconds=lasting)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(send, job)
        yield
        result: Result = held.result()
    if result.ready or result.accepted < count * 0.9:
        raise RuntimeError(f"{result.accepted} participants waited, {result.ready} did not: {result.statuses}")


def _flat(name: str, now: Saturation, *plain: Saturation) -> Figure:
    spent = sum(sum(one.cpu.values()) for one in plain)
    before = spent / sum(one.result.ready for one in plain) * 1e6
    return Figure(name, now.cpu_micros / before, "ratio", _FLAT, at_most=True)
