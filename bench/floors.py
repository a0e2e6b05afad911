"""The floors: what a participant costs at least, measured in the same run as everything else.

An aiohttp handler that answers a constant to the POST and to the GET; one raw RSA-2048 verification; what PostgreSQL
does at least for the row: COPY in, one UPDATE, one SELECT, in batches of 256. Only the CPU of the server counts.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from statistics import fmean
from time import process_time
from typing import Final, Self

import psycopg
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from app.jose.base64url import decode
from app.jose.gate import open_token
from bench.cpu import cpu_seconds
from bench.crowd import Job
from bench.figures import Figure
from bench.load import send
from bench.scale import Scale
from bench.servers import Servers, process, wait_until_it_answers
from bench.tokens import Signer
from tests.servers.process import free_port

_ROWS: Final = 256
_USERS: Final = 64
"""Requests under way where the floor is lowest: with more of them each finds its memory colder."""
_GETS: Final = ("GET /v1/sessions/ses_0 HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer 0\r\n\r\n",)
_TABLE: Final = """
    CREATE TABLE floor (
        id text PRIMARY KEY, campaign_id text NOT NULL, partner_id text NOT NULL, stage text NOT NULL,
        received_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, token bytea, result bytea
    ) WITH (fillfactor = 45)"""
_COPY: Final = (
    "COPY floor (id, campaign_id, partner_id, stage, received_at, expires_at, token) FROM STDIN (FORMAT BINARY)"
)
_COLUMN_TYPES: Final = ("text", "text", "text", "text", "timestamptz", "timestamptz", "bytea")
_UPDATE: Final = """
    UPDATE floor SET stage = 'done', token = NULL, result = m.result
    FROM unnest(%s::text[], %s::bytea[]) AS m (id, result) WHERE floor.id = m.id"""
_SELECT: Final = "SELECT id, stage, expires_at, result FROM floor WHERE id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Floors:
    """CPU microseconds of each part, for one participant, and how many constants one process answers in a second."""

    post: float
    get: float
    verify: float
    rows: float
    posts_per_second: float
    gets_per_second: float

    def halfway_to(self, later: Self) -> Self:
        """Return the mean of these and of those that were measured later, for what was measured between them."""
        return type(self)(*(fmean(pair) for pair in zip(astuple(self), astuple(later), strict=True)))

    @property
    def participant(self) -> float:
        """Return their sum."""
        return self.post + self.get + self.verify + self.rows

    def figures(self) -> list[Figure]:
        """Return them as figures without a goal."""
        return [
            Figure("floor: POST answered with a constant", self.post, "µs CPU"),
            Figure("floor: GET answered with a constant", self.get, "µs CPU"),
            Figure("floor: RSA-2048 verification, raw", self.verify, "µs CPU"),
            Figure("floor: row in PostgreSQL (COPY, UPDATE, SELECT)", self.rows, "µs CPU"),
            Figure("floor of a participant", self.participant, "µs CPU"),
        ]


def measure_floors(servers: Servers, scale: Scale, signer: Signer, posts: Sequence[str]) -> Floors:
    """Measure each floor."""
    token = signer.tokens("floor", count=1)[0]
    post, posts_per_second = _constant(servers, scale, posts, _USERS)
    get, gets_per_second = _constant(servers, scale, _GETS, _USERS)
    verify = raw_verify_micros(signer.public, token, scale.verifications)
    return Floors(post, get, verify, _row_micros(servers, scale), posts_per_second, gets_per_second)


def crowded_constant_micros(servers: Servers, scale: Scale, posts: Sequence[str], users: int) -> float:
    """Return the CPU microseconds of both constants, POST and GET, where so many requests are under way."""
    return sum(_constant(servers, scale, requests, users)[0] for requests in (posts, _GETS))


def raw_verify_micros(public: Mapping[str, str], token: str, count: int) -> float:
    """Return what `cryptography` alone takes to verify the token's signature."""
    modulus, exponent = (int.from_bytes(decode(public[name])) for name in ("n", "e"))
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    opened, scheme, digest = open_token(token), padding.PKCS1v15(), hashes.SHA256()
    began = process_time()
    for _ in range(count):
        key.verify(opened.signature, opened.signing_input, scheme, digest)
    return (process_time() - began) / count * 1e6


def _constant(servers: Servers, scale: Scale, requests: Sequence[str], users: int) -> tuple[float, float]:
    """Return the CPU microseconds of one answer, and how many come in a second."""
    port = free_port()
    command = [sys.executable, "-m", "bench.constant", str(port)]
    with process(command, {}, servers.folder / "constant.log") as pid:
        wait_until_it_answers(f"http://127.0.0.1:{port}/")
        send(Job(port, requests, users, 0.5, reads=False))
        before = cpu_seconds(pid)
        result = send(Job(port, requests, users, scale.floor_seconds, reads=False))
        return (cpu_seconds(pid) - before) / result.accepted * 1e6, result.accepted_per_second


def _row_micros(servers: Servers, scale: Scale) -> float:
    url = servers.create_database()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(_TABLE)
        _one_batch(connection, "warm")
        before = cpu_seconds(servers.postgres.pid)
        for number in range(scale.floor_batches):
            _one_batch(connection, f"{number:06}")
        spent = cpu_seconds(servers.postgres.pid) - before
    servers.postgres.drop_database(url)
    return spent / (scale.floor_batches * _ROWS) * 1e6


def _one_batch(connection: psycopg.Connection, name: str) -> None:
    ids = [f"ses_{name}{number:020}" for number in range(_ROWS)]
    token, result = b"t" * 740, b"r" * 420
    with connection.cursor() as cursor:
        now = cursor.execute("SELECT now()").fetchone()
        moment = now[0] if now else None
        with cursor.copy(_COPY) as copy:
            copy.set_types(_COLUMN_TYPES)
            for id_ in ids:
                copy.write_row((id_, "945645", "acme", "verify", moment, moment, token))
        cursor.execute(_UPDATE, (ids, [result] * _ROWS), binary=True, prepare=True)
        cursor.execute(_SELECT, (ids,), prepare=True, binary=True).fetchall()
