"""Alembic's entry: runs the migrations on the connection that `app.adapters.database.migrate` hands over."""

from alembic import context

from app.adapters.database.schema import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transaction_per_migration=False,
    render_as_batch=False,
)
context.run_migrations()
