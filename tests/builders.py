"""Values that are valid as they stand; a test overrides the one thing that it is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from app.domain.campaign import Campaign
from app.domain.dead_letter import DeadLetter
from app.domain.keyset import Keyset
from app.domain.participation import Limit, Ticket, Verdict
from app.domain.partner import Partner, SignatureConfig, SignatureMethod
from app.domain.prefill import Prefill, PrefillRequest, PrefillSource, PrefillStatus
from app.domain.replay import Replay, ReplayFilter, ReplayState
from app.domain.session import ClaimedSession, NewSession, Outcome, SessionMove, Stage, StoredSession, TokenStatus
from app.reasons import PrefillReason

NOW = datetime(2027, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
"""The present of every test that does not say another."""
JWS = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"
JWE = "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn"
SOURCE = "https://acme.example/jwks.json"

_numbers = count(1)


def session_id() -> str:
    """Return an id that no other test has."""
    return f"ses_{next(_numbers):016d}"


def new_session(**changes: Any) -> NewSession:
    """Return a session with a token to judge, received now."""
    received_at = changes.get("received_at", NOW)
    session = NewSession(
        id=session_id(),
        campaign_id="945645",
        partner_id="acme",
        stage=Stage.VERIFY,
        received_at=received_at,
        deadline_at=received_at + timedelta(seconds=10),
        expires_at=received_at + timedelta(days=1),
        token=JWS,
    )
    return replace(session, **changes)


def claimed(**changes: Any) -> ClaimedSession:
    """Return a session under a lease, on its first attempt."""
    session = ClaimedSession(
        id=session_id(),
        campaign_id="945645",
        partner_id="acme",
        stage=Stage.VERIFY,
        received_at=NOW,
        deadline_at=NOW + timedelta(seconds=10),
        expires_at=NOW + timedelta(days=1),
        lease_token="lease-1",
        attempts=1,
        crash_count=0,
        token=JWS,
    )
    return replace(session, **changes)


def stored(**changes: Any) -> StoredSession:
    """Return a session as it is read while its token waits."""
    session = StoredSession(
        id=session_id(),
        campaign_id="945645",
        partner_id="acme",
        stage=Stage.VERIFY,
        encrypted=False,
        received_at=NOW,
        deadline_at=NOW + timedelta(seconds=10),
        expires_at=NOW + timedelta(days=1),
    )
    return replace(session, **changes)


def move(session: ClaimedSession, stage: Stage = Stage.DONE, **changes: Any) -> SessionMove:
    """Return the end of a claim: to `done`, with an outcome."""
    return replace(SessionMove(session.id, session.lease_token, stage, outcome=outcome()), **changes)


def outcome(**changes: Any) -> Outcome:
    """Return the outcome of an accepted token that carried its prefill."""
    accepted = Outcome(
        token_status=TokenStatus.ACCEPTED,
        verdict=Verdict(allowed=True, remaining=1),
        prefill=Prefill(PrefillStatus.READY, PrefillSource.TOKEN, form={"firstname": "Ada"}, optin={"newsletter": "1"}),
        ticket=Ticket(Limit(nb=1)),
    )
    return replace(accepted, **changes)


def request(**changes: Any) -> PrefillRequest:
    """Return what a prefill call needs."""
    return replace(PrefillRequest("ada", "access-token", NOW + timedelta(hours=1)), **changes)


def campaign(**changes: Any) -> Campaign:
    """Return a campaign of the partner `acme`."""
    return replace(Campaign(id="945645", version=1, partner_id="acme", name="Spring"), **changes)


def partner(**changes: Any) -> Partner:
    """Return a partner that signs by a remote key set."""
    signature = SignatureConfig(SignatureMethod.JWKS, frozenset({"RS256"}), jwks_url=SOURCE)
    return replace(Partner(id="acme", version=1, name="ACME", signature=signature), **changes)


def jwk(kid: str = "k1", **changes: Any) -> dict[str, object]:
    """Return a public key as a key set holds it; its material differs by kid."""
    return {"kty": "OKP", "crv": "Ed25519", "x": f"material-of-{kid}", "kid": kid, **changes}


def keyset(**changes: Any) -> Keyset:
    """Return a key set that was fetched just now and holds one key."""
    fresh = Keyset(
        source=SOURCE,
        version=1,
        keys=(jwk(),),
        fetched_at=NOW,
        attempted_at=NOW,
        fresh_until=NOW + timedelta(hours=1),
        stale_until=NOW + timedelta(days=1),
        refresh_at=NOW + timedelta(minutes=42),
    )
    return replace(fresh, **changes)


def replay(**changes: Any) -> Replay:
    """Return a replay of the partner `acme` that has just started."""
    running = Replay(
        id="rpl_1",
        partner_id="acme",
        filter=ReplayFilter(partner_id="acme"),
        actor="admin",
        rate_per_second=20,
        force=False,
        state=ReplayState.RUNNING,
        frozen_at=NOW,
        matched=1,
        paced_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(running, **changes)


def dead_letter(**changes: Any) -> DeadLetter:
    """Return a dead letter that nothing keeps from being tried again."""
    letter = DeadLetter(
        session_id=session_id(),
        partner_id="acme",
        campaign_id="945645",
        error_class=PrefillReason.TIMEOUT,
        attempts=3,
        received_at=NOW,
        died_at=NOW,
        expires_at=NOW + timedelta(days=1),
        has_request=True,
    )
    return replace(letter, **changes)
