"""The cookie that keeps a participant's session on the campaign's page: its id and its key, for that page alone.

It is Secure. Chromium and Firefox keep such a cookie on http://127.0.0.1 too, which they trust; `secure` is a field for
tests, whose clients do not.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from aiohttp import web

from app.ports import TakenIn
from app.web.participants import SessionKeys

NAME: Final = "vestibule_session"
_BETWEEN: Final = "~"


@dataclass(frozen=True, slots=True)
class SessionCookies:
    """Writes and reads the cookie; `keys` makes and checks session keys."""

    keys: SessionKeys
    secure: bool = True

    def write(self, response: web.Response, campaign_id: str, taken: TakenIn, now: datetime) -> None:
        """Keep the session in the browser for as long as it lives."""
        response.set_cookie(
            NAME,
            f"{taken.id}{_BETWEEN}{self.keys.make(taken.id)}",
            path=page_path(campaign_id),
            max_age=max(1, int((taken.expires_at - now).total_seconds())),
            httponly=True,
            secure=self.secure,
            samesite="Lax",
        )

    def read(self, request: web.Request) -> tuple[str, str] | None:
        """Return the session's id and the key that the browser has for it, neither of them checked, or None."""
        session_id, between, key = request.cookies.get(NAME, "").partition(_BETWEEN)
        return (session_id, key) if between else None

    def clear(self, response: web.Response, campaign_id: str) -> None:
        """Let the browser forget the session."""
        response.del_cookie(NAME, path=page_path(campaign_id), httponly=True, secure=self.secure, samesite="Lax")


def page_path(campaign_id: str) -> str:
    """Return the path of the campaign's page."""
    return f"/c/{quote(campaign_id, safe='')}"
