"""An attempt stands once, also where its writer saw no answer and wrote it again."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        DELETE FROM attempts WHERE EXISTS (
            SELECT 1 FROM attempts AS kept
            WHERE kept.session_id = attempts.session_id AND kept.started_at = attempts.started_at
            AND kept.id < attempts.id
        )"""
    )
    op.create_index("uq_attempts_start", "attempts", ["session_id", "started_at"], unique=True)
    op.drop_index("ix_attempts_session_id", "attempts")


def downgrade() -> None:
    op.create_index("ix_attempts_session_id", "attempts", ["session_id"], unique=False)
    op.drop_index("uq_attempts_start", "attempts")
