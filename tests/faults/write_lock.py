"""The one write lock of an embedded database: whoever is frozen with it freezes everybody."""

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.journey.deployment import Deployment


def is_writable(deployment: Deployment) -> bool:
    """Tell whether nobody holds the write lock that SQLite has; other databases have none."""
    if not deployment.database_url.startswith("sqlite"):
        return True
    engine = create_engine(deployment.database_url, poolclass=NullPool, connect_args={"timeout": 1})
    try:
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
    except OperationalError:
        return False
    return True
