"""Participants whose data is to be deleted, and which tokens a session used up."""

import sqlalchemy as sa
from alembic import op

from app.adapters.database.types import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("participant_digest", sa.Text(), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("forgets_plays", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "participant_digest", name=op.f("pk_erasures")),
    )
    op.create_index("ix_used_tokens_session_id", "used_tokens", ["session_id"])


def downgrade() -> None:
    op.drop_index("ix_used_tokens_session_id", "used_tokens")
    op.drop_table("erasures")
