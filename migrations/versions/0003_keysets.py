"""Key sets and their history."""

import sqlalchemy as sa
from alembic import op

from app.adapters.database.types import COUNTED_ID, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "keysets",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revoked_epoch", sa.Integer(), nullable=False),
        sa.Column("saves", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("keys", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("dropped", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("revoked", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("negative_kids", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("asked_kids", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("asked_at", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("fetched_at", UtcDateTime(), nullable=True),
        sa.Column("fresh_until", UtcDateTime(), nullable=True),
        sa.Column("stale_until", UtcDateTime(), nullable=True),
        sa.Column("refresh_at", UtcDateTime(), nullable=True),
        sa.Column("attempted_at", UtcDateTime(), nullable=True),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("fetches", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_keysets")),
    )
    op.create_index("ix_keysets_refresh_at", "keysets", ["refresh_at"], unique=False)
    op.create_table(
        "keyset_events",
        sa.Column("id", COUNTED_ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keyset_events")),
    )
    op.create_index("ix_keyset_events_source", "keyset_events", ["source", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("keyset_events")
    op.drop_table("keysets")
