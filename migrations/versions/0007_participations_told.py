"""What a participant was told of a participation, and what was found and not enforced."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("participations", sa.Column("remaining", sa.Integer(), nullable=True))
    op.add_column("participations", sa.Column("waived", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("participations", "waived")
    op.drop_column("participations", "remaining")
