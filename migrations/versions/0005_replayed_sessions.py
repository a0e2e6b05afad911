"""Which replay took a dead letter up, and until when its access token is good; how far a replay's rate is paid."""

import sqlalchemy as sa
from alembic import op

from app.adapters.database.types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("bearer_expires_at", UtcDateTime(), nullable=True))
    op.add_column("sessions", sa.Column("replay_id", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("replayed_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_sessions_replay",
        "sessions",
        ["replay_id", "stage"],
        unique=False,
        postgresql_where=sa.text("replay_id IS NOT NULL"),
        sqlite_where=sa.text("replay_id IS NOT NULL"),
    )
    op.add_column("replays", sa.Column("paced_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("replays", "paced_at")
    op.drop_index("ix_sessions_replay", "sessions")
    op.drop_column("sessions", "replayed_at")
    op.drop_column("sessions", "replay_id")
    op.drop_column("sessions", "bearer_expires_at")
