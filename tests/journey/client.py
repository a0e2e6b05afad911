"""The two kinds of callers: a management client, and participants with a ledger of every session that was promised."""

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.journey.calls import Answer, call, call_json
from tests.journey.deadline import eventually

SETTLED_WITHIN_SECONDS = 20.0
_WAIT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Visit:
    """A session that was answered 202, and the token that opened it."""

    id: str
    key: str = field(repr=False)
    campaign_id: str
    token: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Ledger:
    """Every 202 that was given, from whichever thread."""

    _visits: list[Visit] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, visit: Visit) -> None:
        """Note a promise."""
        with self._lock:
            self._visits.append(visit)

    def visits(self) -> list[Visit]:
        """Return all promises, in the order of their answers."""
        with self._lock:
            return list(self._visits)


@dataclass(frozen=True, slots=True)
class Participants:
    """Browsers of participants."""

    url: str
    ledger: Ledger = field(default_factory=Ledger)

    def post(self, campaign_id: str, content: object, headers: Mapping[str, str] | None = None) -> Answer:
        """POST a session with that JSON body, whatever the answer."""
        return call_json("POST", self.sessions_url(campaign_id), content, headers)

    def arrive(self, campaign_id: str, token: str | None, headers: Mapping[str, str] | None = None) -> Visit:
        """Open a session and note it; fail unless the answer is 202."""
        return self._note(
            campaign_id, token, self.post(campaign_id, {} if token is None else {"token": token}, headers)
        )

    def arrive_bare(self, campaign_id: str, token: str) -> Visit:
        """Open a session with the token itself as the body, and note it."""
        headers = {"Content-Type": "application/jwt"}
        return self._note(campaign_id, token, call("POST", self.sessions_url(campaign_id), headers, token.encode()))

    def get(self, visit: Visit, wait: float | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """GET the session with its key, whatever the answer."""
        query = "" if wait is None else f"?wait={wait:g}"
        url = f"{self.url}/v1/sessions/{visit.id}{query}"
        return call("GET", url, {"Authorization": f"Bearer {visit.key}", **(headers or {})})

    def read(self, visit: Visit, wait: float | None = None) -> dict[str, Any]:
        """Return the session as its participant sees it; fail unless the answer is 200."""
        answer = self.get(visit, wait)
        assert answer.status == 200, str(answer)
        body: dict[str, Any] = answer.json()
        return body

    def settle(self, visit: Visit, within_seconds: float = SETTLED_WITHIN_SECONDS) -> dict[str, Any]:
        """Return the session once it is settled; raise TooLate."""

        def look() -> dict[str, Any] | None:
            body = self.read(visit, _WAIT_SECONDS)
            return body if body["settled"] else None

        return eventually(look, within_seconds, f"{visit.id} settled")

    def _note(self, campaign_id: str, token: str | None, answer: Answer) -> Visit:
        assert answer.status == 202, str(answer)
        body = answer.json()
        visit = Visit(body["session_id"], body["session_key"], campaign_id, token)
        self.ledger.add(visit)
        return visit

    def sessions_url(self, campaign_id: str) -> str:
        """Return where sessions of a campaign are opened."""
        return f"{self.url}/v1/campaigns/{quote(campaign_id, safe='')}/sessions"


@dataclass(frozen=True, slots=True)
class Management:
    """A management client with a bearer of its own."""

    url: str
    bearer: str = field(repr=False)

    @classmethod
    def authorize(cls, url: str, client_id: str, client_secret: str) -> "Management":
        """Obtain a bearer by client credentials (RFC 6749 section 4.4)."""
        basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = call("POST", f"{url}/oauth/token", headers, b"grant_type=client_credentials")
        assert answer.status == 200, str(answer)
        return cls(url, answer.json()["access_token"])

    def put(self, kind: str, id_: str, document: Mapping[str, object]) -> Answer:
        """PUT a document; `kind` is `partners` or `campaigns`."""
        return call_json("PUT", f"{self.url}/v1/{kind}/{quote(id_, safe='')}", document, self.headers())

    def get(self, path: str) -> Answer:
        """GET a path below /v1."""
        return call("GET", f"{self.url}/v1/{path}", self.headers())

    def post(self, path: str, content: object) -> Answer:
        """POST to a path below /v1."""
        return call_json("POST", f"{self.url}/v1/{path}", content, self.headers())

    def store(self, kind: str, id_: str, document: Mapping[str, object]) -> None:
        """PUT a document; fail unless it was taken."""
        answer = self.put(kind, id_, document)
        assert answer.status in (200, 201), str(answer)

    def headers(self) -> dict[str, str]:
        """Return what authorises a call."""
        return {"Authorization": f"Bearer {self.bearer}"}
