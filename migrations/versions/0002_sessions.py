"""Sessions, and what stands beside one."""

import sqlalchemy as sa
from alembic import op

from app.adapters.database.types import COUNTED_ID, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("encrypted", sa.Boolean(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("deadline_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crash_count", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("parked_on", sa.Text(), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("prefill_request", sa.LargeBinary(), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.Column("token_status", sa.Text(), nullable=True),
        sa.Column("token_reason", sa.Text(), nullable=True),
        sa.Column("participation_reason", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("participant_digest", sa.Text(), nullable=True),
        sa.Column("key_thumbprint", sa.Text(), nullable=True),
        sa.Column("keyset_version", sa.Integer(), nullable=True),
        sa.Column("verified_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        postgresql_with={
            "fillfactor": 45,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_insert_scale_factor": 0.1,
            "autovacuum_analyze_scale_factor": 0.05,
        },
    )
    op.create_index(
        "ix_sessions_dead",
        "sessions",
        ["partner_id", "id"],
        unique=False,
        postgresql_where=sa.text("stage = 'dead'"),
        sqlite_where=sa.text("stage = 'dead'"),
    )
    op.create_index(
        "ix_sessions_dead_expiry",
        "sessions",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("stage = 'dead'"),
        sqlite_where=sa.text("stage = 'dead'"),
    )
    op.create_index(
        "ix_sessions_done",
        "sessions",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("stage = 'done'"),
        sqlite_where=sa.text("stage = 'done'"),
    )
    op.create_index(
        "ix_sessions_due",
        "sessions",
        ["stage", "priority", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
        sqlite_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_sessions_parked",
        "sessions",
        ["parked_on"],
        unique=False,
        postgresql_where=sa.text("parked_on IS NOT NULL"),
        sqlite_where=sa.text("parked_on IS NOT NULL"),
    )
    op.create_index(
        "ix_sessions_suspects",
        "sessions",
        ["stage", "due_at"],
        unique=False,
        postgresql_where=sa.text("crash_count > 0"),
        sqlite_where=sa.text("crash_count > 0"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", COUNTED_ID, nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("duration_micros", COUNTED_ID, nullable=False),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_session_id", "attempts", ["session_id"], unique=False)
    op.create_table(
        "repeats",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("session_expires_at", UtcDateTime(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_repeats")),
    )
    op.create_index("ix_repeats_made_at", "repeats", ["made_at"], unique=False)
    op.create_table(
        "participations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("participant_digest", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("repeat_digest", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participations")),
        sa.UniqueConstraint(
            "campaign_id", "partner_id", "participant_digest", "ordinal", name="uq_participations_ordinal"
        ),
        sa.UniqueConstraint("session_id", "repeat_digest", name=op.f("uq_participations_session_id_repeat_digest")),
    )
    op.create_table(
        "used_tokens",
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("jti_digest", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "jti_digest", name=op.f("pk_used_tokens")),
    )
    op.create_index("ix_used_tokens_expires_at", "used_tokens", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("used_tokens")
    op.drop_table("participations")
    op.drop_table("repeats")
    op.drop_table("attempts")
    op.drop_table("sessions")
