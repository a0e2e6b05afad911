"""Peer (b), the ingress: aiohttp, which hands each token to Celery and answers 202; reads look in the database."""

import json
import sys
from uuid import uuid4

import uvloop
from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from bench.peers.queue_tasks import verify
from bench.peers.tables import SESSIONS, database_url

ENGINE = create_async_engine(database_url("asyncpg"), pool_size=20, max_overflow=0, isolation_level="AUTOCOMMIT")


async def create(request: web.Request) -> web.Response:
    """Send the token to the workers."""
    content = await request.json()
    session_id = f"ses_{uuid4().hex}"
    # On the loop: a thread for each would cost more than the write to a Redis nearby.
    verify.apply_async((session_id, request.match_info["campaign_id"], content["token"]))
    return _json({"session_id": session_id, "session_key": "-"}, 202)


async def read(request: web.Request) -> web.Response:
    """Show the session; it is pending until its row is there."""
    session_id = request.match_info["session_id"]
    async with ENGINE.connect() as connection:
        found = await connection.execute(select(SESSIONS).where(SESSIONS.c.id == session_id))
        row = found.one_or_none()
    if row is None:
        return _json({"session_id": session_id, "status": "pending"})
    shown = {"session_id": row.id, "campaign_id": row.campaign_id, "status": "ready"}
    return _json({**shown, "form": row.form, "optin": row.optin})


def _json(content: object, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(content).encode(), status=status, content_type="application/json")


def main() -> None:
    """Serve on the loopback port given as argument."""
    app = web.Application()
    app.router.add_post("/v1/campaigns/{campaign_id}/sessions", create)
    app.router.add_get("/v1/sessions/{session_id}", read)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
