"""A mark that is another one after each change of what is configured, so that who knows it need not look again.

Set by triggers: during a rolling upgrade processes of an older version change documents too. A later migration that
changes rows of these tables and then alters one runs `SET CONSTRAINTS ALL IMMEDIATE` between the two on PostgreSQL; one
that makes a table anew on SQLite makes its triggers anew.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_MARKED = ("installation_secrets", "campaigns", "partners")
"""In the order in which a partner's deletion locks them, so that it and this migration cannot lock each other out."""
_NEW_MARK = "UPDATE configuration_mark SET mark = lower(hex(randomblob(16)));"


def upgrade() -> None:
    mark = op.create_table(
        "configuration_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configuration_mark")),
        sa.CheckConstraint("id = 1", name=op.f("ck_configuration_mark_one")),
    )
    op.bulk_insert(mark, [{"id": 1, "mark": secrets.token_hex(16)}])  # nor does a mark return with the table
    if op.get_bind().dialect.name == "sqlite":
        _mark_on_sqlite()
    else:
        _mark_on_postgresql()


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in _MARKED:
            for change in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER mark_{change}_of_{table}")
    else:
        op.execute(f"LOCK TABLE {', '.join(_MARKED)} IN ACCESS EXCLUSIVE MODE")
        for table in _MARKED:
            op.execute(f"DROP TRIGGER mark_change ON {table}")
            op.execute(f"DROP TRIGGER mark_truncate ON {table}")
        op.execute("DROP FUNCTION mark_configuration_change")
    op.drop_table("configuration_mark")


def _mark_on_sqlite() -> None:
    for table in _MARKED:
        for change in ("insert", "update", "delete"):
            op.execute(f"CREATE TRIGGER mark_{change}_of_{table} AFTER {change} ON {table} BEGIN {_NEW_MARK} END")


def _mark_on_postgresql() -> None:
    """Mark at the commit: the one row is locked last, so that two changes cannot lock each other out across it.

    Once for each transaction, whatever schema is looked at first and whoever changes something.
    """
    op.execute(f"LOCK TABLE {', '.join(_MARKED)} IN SHARE ROW EXCLUSIVE MODE")
    op.execute("""
        CREATE FUNCTION mark_configuration_change() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
        BEGIN
            EXECUTE format(
                'UPDATE %I.configuration_mark SET mark = gen_random_uuid() WHERE xmin <> pg_current_xact_id()::xid',
                TG_TABLE_SCHEMA);
            RETURN NULL;
        END $$""")
    # Else whoever may make a table could let it run what they like, as us.
    op.execute("REVOKE EXECUTE ON FUNCTION mark_configuration_change FROM PUBLIC")
    for table in _MARKED:
        op.execute(
            f"CREATE CONSTRAINT TRIGGER mark_change AFTER INSERT OR UPDATE OR DELETE ON {table}"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mark_configuration_change()"
        )
        op.execute(
            f"CREATE TRIGGER mark_truncate AFTER TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION mark_configuration_change()"
        )
