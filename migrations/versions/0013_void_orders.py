"""Revocations whose sessions are to be rejected, until that is done."""

import sqlalchemy as sa
from alembic import op

from app.adapters.database.types import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "void_orders",
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("thumbprints", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", "kid", name=op.f("pk_void_orders")),
    )


def downgrade() -> None:
    op.drop_table("void_orders")
