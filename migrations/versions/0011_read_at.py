"""When a settled session was shown to its participant first."""

import sqlalchemy as sa
from alembic import op

from app.adapters.database.types import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("read_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "read_at")
