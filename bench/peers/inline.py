"""Peer (a): FastAPI, PyJWT and SQLAlchemy's asyncio on uvicorn; verifies and saves within the request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import create_async_engine

from bench.peers.tables import REQUIRED_CLAIMS, SESSIONS, database_url, public_key

KEY = public_key()
ENGINE = create_async_engine(database_url("asyncpg"), pool_size=20, max_overflow=0)
READING = ENGINE.execution_options(isolation_level="AUTOCOMMIT")


class TokenIn(BaseModel):
    """What a participant brings."""

    token: str


class SessionMade(BaseModel):
    """The answer to a token."""

    session_id: str
    session_key: str = "-"


class SessionRead(BaseModel):
    """The answer to a read."""

    session_id: str
    campaign_id: str
    status: str
    form: dict[str, Any]
    optin: dict[str, Any]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the pool in the end."""
    yield
    await ENGINE.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/v1/campaigns/{campaign_id}/sessions", status_code=201)
async def create(campaign_id: str, body: TokenIn) -> SessionMade:
    """Verify the token and save the session."""
    try:
        claims = jwt.decode(body.token, KEY, algorithms=["RS256"], options={"require": REQUIRED_CLAIMS})
    except jwt.InvalidTokenError as error:
        raise HTTPException(422, "token refused") from error
    if claims["campaignId"] != campaign_id:
        raise HTTPException(422, "another campaign")
    row = {
        "id": f"ses_{uuid4().hex}",
        "campaign_id": campaign_id,
        "participant": claims["sub"],
        "form": claims.get("form", {}),
        "optin": claims.get("optin", {}),
        "created_at": datetime.now(UTC),
    }
    async with ENGINE.begin() as connection:
        await connection.execute(insert(SESSIONS), row)
    return SessionMade(session_id=row["id"])


@app.get("/v1/sessions/{session_id}")
async def read(session_id: str) -> SessionRead:
    """Show the session."""
    async with READING.connect() as connection:
        found = await connection.execute(select(SESSIONS).where(SESSIONS.c.id == session_id))
        row = found.one_or_none()
    if row is None:
        raise HTTPException(404)
    return SessionRead(session_id=row.id, campaign_id=row.campaign_id, status="ready", form=row.form, optin=row.optin)
