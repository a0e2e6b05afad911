"""Peer (b), the workers: one Celery task and one transaction per token, prefork, over Redis."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
from celery import Celery
from sqlalchemy import Engine, create_engine, insert

from bench.peers.tables import REQUIRED_CLAIMS, SESSIONS, database_url, public_key

app = Celery("peer", broker=os.environ["PEER_BROKER_URL"])
app.conf.update(
    task_ignore_result=True,
    # For many short tasks, as Celery's guide to optimising says.
    worker_prefetch_multiplier=64,
    worker_disable_rate_limits=True,
    broker_connection_retry_on_startup=True,
)
KEY = public_key()


@cache
def engine() -> Engine:
    """Return the engine of this process, made after the fork."""
    return create_engine(database_url("psycopg"), pool_size=1)


@app.task(name="sessions.verify")
def verify(session_id: str, campaign_id: str, token: str) -> None:
    """Verify the token and save the session."""
    try:
        claims: dict[str, Any] = jwt.decode(token, KEY, algorithms=["RS256"], options={"require": REQUIRED_CLAIMS})
    except jwt.InvalidTokenError:
        return
    if claims["campaignId"] != campaign_id:
        return
    row = {
        "id": session_id,
        "campaign_id": campaign_id,
        "participant": claims["sub"],
        "form": claims.get("form", {}),
        "optin": claims.get("optin", {}),
        "created_at": datetime.now(UTC),
    }
    with engine().begin() as connection:
        connection.execute(insert(SESSIONS), row)
