"""A number that counts the changes of what is configured, so that who knows it at a number need not look again.

Kept by triggers: during a rolling upgrade processes of an older version change documents too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COUNTED = ("partners", "campaigns", "installation_secrets")
_COUNT = "UPDATE configuration_changes SET number = number + 1;"


def upgrade() -> None:
    changes = op.create_table(
        "configuration_changes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration_changes")),
    )
    op.bulk_insert(changes, [{"id": 1, "number": 0}])
    if op.get_bind().dialect.name == "sqlite":
        _count_on_sqlite()
    else:
        _count_on_postgresql()


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in _COUNTED:
        if is_sqlite:
            for change in ("INSERT", "UPDATE", "DELETE"):
                op.execute(f"DROP TRIGGER count_{change.lower()}_of_{table}")
        else:
            op.execute(f"DROP TRIGGER count_changes ON {table}")
    if not is_sqlite:
        op.execute("DROP FUNCTION count_configuration_change")
    op.drop_table("configuration_changes")


def _count_on_sqlite() -> None:
    for table in _COUNTED:
        for change in ("INSERT", "UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER count_{change.lower()}_of_{table} AFTER {change} ON {table} BEGIN {_COUNT} END")


def _count_on_postgresql() -> None:
    """Count at the commit: the one row is locked last, so that no two changes can wait for each other."""
    op.execute(
        "CREATE FUNCTION count_configuration_change() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN {_COUNT} RETURN NULL; END $$"
    )
    for table in _COUNTED:
        op.execute(
            f"CREATE CONSTRAINT TRIGGER count_changes AFTER INSERT OR UPDATE OR DELETE ON {table}"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION count_configuration_change()"
        )
