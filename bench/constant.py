"""The floor of HTTP: an aiohttp handler that reads the request and answers a constant."""

import sys

import uvloop
from aiohttp import web

_ACCEPTED = (
    b'{"session_id":"ses_00000000000000000000000000","session_key":"00000000.'
    b'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","expires_at":"2027-01-01T00:00:00.000Z","poll_after_ms":50}'
)
_READ = b'{"session_id":"ses_00000000000000000000000000","padding":"' + b"x" * 500 + b'"}'


async def accept(request: web.Request) -> web.Response:
    """Read the body and answer as an accepted session would be."""
    await request.read()
    return web.Response(status=202, body=_ACCEPTED, content_type="application/json")


async def read(_: web.Request) -> web.Response:
    """Answer as a session would be read."""
    return web.Response(body=_READ, content_type="application/json")


def main() -> None:
    """Serve on the loopback port given as argument."""
    app = web.Application()
    app.router.add_post("/v1/campaigns/{campaign_id}/sessions", accept)
    app.router.add_get("/v1/sessions/{session_id}", read)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
