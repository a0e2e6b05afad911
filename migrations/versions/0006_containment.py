"""Claims by partner, and when a partner's breaker lets calls through again."""

import sqlalchemy as sa
from alembic import op

from app.adapters.database.types import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_sessions_fetch",
        "sessions",
        ["partner_id", "priority", "due_at"],
        unique=False,
        postgresql_where=sa.text("stage = 'fetch' AND due_at IS NOT NULL"),
        sqlite_where=sa.text("stage = 'fetch' AND due_at IS NOT NULL"),
    )
    op.add_column("partner_health", sa.Column("opened_until", UtcDateTime(), nullable=True))
    op.add_column("partner_health", sa.Column("claimed_upto", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("partner_health", "claimed_upto")
    op.drop_column("partner_health", "opened_until")
    op.drop_index("ix_sessions_fetch", "sessions")
