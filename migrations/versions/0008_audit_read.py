"""Whose each audited change was, and the call that made it; what belongs to a partner by its kind is found out."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_PARTNERS = "UPDATE audit_log SET partner_id = target WHERE action LIKE 'partner.%' OR action LIKE 'keyset.%'"
_CAMPAIGNS = """
    UPDATE audit_log SET partner_id = (SELECT partner_id FROM campaigns WHERE campaigns.id = audit_log.target)
    WHERE action LIKE 'campaign.%'"""


def upgrade() -> None:
    op.add_column("audit_log", sa.Column("partner_id", sa.Text(), nullable=True))
    op.add_column("audit_log", sa.Column("request_id", sa.Text(), nullable=True))
    op.create_index("ix_audit_log_partner_id", "audit_log", ["partner_id", "id"])
    for backfill in (_PARTNERS, _CAMPAIGNS):
        op.execute(backfill)


def downgrade() -> None:
    op.drop_index("ix_audit_log_partner_id", "audit_log")
    op.drop_column("audit_log", "request_id")
    op.drop_column("audit_log", "partner_id")
