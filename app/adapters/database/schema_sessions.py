"""Sessions, and what stands beside one: its attempts, its repeats, its participations, the token it used up.

No foreign keys here: a session outlives its campaign's document, and each would cost a look-up per row.
"""

from datetime import datetime

from sqlalchemy import Index, PrimaryKeyConstraint, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.adapters.database.schema_base import Base, partial_index
from app.adapters.database.types import COUNTED_ID

HOT_TABLE = {
    # Room in each page, so that every claim's update stays in it and touches no index (at 60: four fifths of them do;
    # measured with tokens of 700 bytes: a fifth less CPU than at 100, and a smaller table).
    "fillfactor": 45,
    # A queue's dead rows are many and young: clean up after 2 % of the table, not after 20 %.
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_insert_scale_factor": 0.1,
    "autovacuum_analyze_scale_factor": 0.05,
}


class SessionRow(Base):
    """One participant's visit; `token`, `result` and `prefill_request` are sealed.

    `due_at` is set while there is work to do, `lease_token` while somebody does it. The status columns repeat what the
    sealed result says, and `bearer_expires_at` what the sealed request says, for counting: they name nobody.
    `replay_id` is the replay that last took the session up, from `dead`. `read_at` is when it was first shown settled.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        partial_index("ix_sessions_due", "stage", "priority", "due_at", where="due_at IS NOT NULL"),
        partial_index(
            "ix_sessions_fetch",
            "partner_id",
            "priority",
            "due_at",
            where="stage = 'fetch' AND due_at IS NOT NULL",
        ),
        partial_index("ix_sessions_parked", "parked_on", where="parked_on IS NOT NULL"),
        partial_index("ix_sessions_suspects", "stage", "due_at", where="crash_count > 0"),
        partial_index("ix_sessions_done", "expires_at", where="stage = 'done'"),
        partial_index("ix_sessions_dead", "partner_id", "id", where="stage = 'dead'"),
        partial_index("ix_sessions_dead_expiry", "expires_at", where="stage = 'dead'"),
        partial_index("ix_sessions_replay", "replay_id", "stage", where="replay_id IS NOT NULL"),
        {"postgresql_with": HOT_TABLE},
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[str]
    partner_id: Mapped[str]
    stage: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    encrypted: Mapped[bool]
    received_at: Mapped[datetime]
    deadline_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    lease_token: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    crash_count: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    parked_on: Mapped[str | None]
    token: Mapped[bytes | None]
    prefill_request: Mapped[bytes | None]
    result: Mapped[bytes | None]
    token_status: Mapped[str | None]
    token_reason: Mapped[str | None]
    participation_reason: Mapped[str | None]
    error_class: Mapped[str | None]
    participant_digest: Mapped[str | None]
    key_thumbprint: Mapped[str | None]
    keyset_version: Mapped[int | None]
    verified_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    bearer_expires_at: Mapped[datetime | None]
    replay_id: Mapped[str | None]
    replayed_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]


class AttemptRow(Base):
    """One outside call for a session; never a body. Goes when its session goes.

    No two calls for a session start in the same microsecond: that tells one that is written twice.
    """

    __tablename__ = "attempts"
    __table_args__ = (Index("uq_attempts_start", "session_id", "started_at", unique=True),)

    id: Mapped[int] = mapped_column(COUNTED_ID, primary_key=True)
    session_id: Mapped[str]
    partner_id: Mapped[str]
    number: Mapped[int]
    started_at: Mapped[datetime]
    duration_micros: Mapped[int] = mapped_column(COUNTED_ID)
    error_class: Mapped[str | None]
    status: Mapped[int | None]


class RepeatRow(Base):
    """The session that a request with an idempotency key made, for 10 minutes."""

    __tablename__ = "repeats"
    __table_args__ = (Index("ix_repeats_made_at", "made_at"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str]
    session_expires_at: Mapped[datetime]
    made_at: Mapped[datetime]


class ParticipationRow(Base):
    """One participation, the `ordinal`-th of its participant: the unique key makes counting safe from races.

    `participant_digest` is the session's id where nobody was recognised. `remaining` is what the participant was told,
    `waived` what would have been refused were it enforced.
    """

    __tablename__ = "participations"
    __table_args__ = (
        UniqueConstraint(
            "campaign_id", "partner_id", "participant_digest", "ordinal", name="uq_participations_ordinal"
        ),
        UniqueConstraint("session_id", "repeat_digest"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[str]
    partner_id: Mapped[str]
    participant_digest: Mapped[str]
    ordinal: Mapped[int]
    session_id: Mapped[str]
    repeat_digest: Mapped[str | None]
    remaining: Mapped[int | None]
    waived: Mapped[str | None]
    created_at: Mapped[datetime]


class UsedTokenRow(Base):
    """A token of single use and the session that used it up, until no such token can be valid any more."""

    __tablename__ = "used_tokens"
    __table_args__ = (
        PrimaryKeyConstraint("partner_id", "jti_digest"),
        Index("ix_used_tokens_expires_at", "expires_at"),
        Index("ix_used_tokens_session_id", "session_id"),
    )

    partner_id: Mapped[str]
    jti_digest: Mapped[str]
    session_id: Mapped[str]
    expires_at: Mapped[datetime]


class ErasureRow(Base):
    """A participant whose data is to be deleted, until all that was received before is judged."""

    __tablename__ = "erasures"
    __table_args__ = (PrimaryKeyConstraint("partner_id", "participant_digest"),)

    partner_id: Mapped[str]
    participant_digest: Mapped[str]
    asked_at: Mapped[datetime]
    forgets_plays: Mapped[bool]
