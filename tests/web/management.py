"""The management interface over HTTP, on stores in memory: what its tests share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.domain.outside import OutboundPolicy
from app.domain.scopes import granted_scopes
from app.management_ports import ApiClient
from app.steps.authorize import AuthorizeRequest, IssueAccessToken
from app.steps.client_secrets import ClientSecrets, hash_secret
from app.steps.configure import ConfigureDocuments
from app.steps.secrets import EnsureSecrets, SigningKeys
from app.web.bearer import BearerGuard
from app.web.campaigns import campaign_routes
from app.web.limits import TokenBuckets
from app.web.middleware import request_middleware
from app.web.oauth import oauth_routes
from app.web.partners import partner_routes
from app.web.store_threads import StoreThreads
from tests.builders import NOW
from tests.fakes import FixedClock, MemoryAudit, MemoryClients, MemoryDocuments, MemorySecrets

BASE = "https://vestibule.example"
SECRET = "a-client-secret-of-some-length"
_HASH = hash_secret(SECRET)

Http = TestClient[web.Request, web.Application]


@dataclass(slots=True)
class Management:
    """A running management interface; `http` is a client of it."""

    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    clients: MemoryClients = field(default_factory=MemoryClients)
    secrets: MemorySecrets = field(default_factory=MemorySecrets)
    clock: FixedClock = field(default_factory=FixedClock)
    buckets: TokenBuckets = field(default_factory=lambda: TokenBuckets(per_second=0.001, burst=20))
    http: Http = field(init=False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Management"]:
        """Serve until the block ends."""
        EnsureSecrets(self.secrets, self.clock)()
        threads = StoreThreads(2, 10, lambda: None)
        async with TestClient(TestServer(self._application(threads))) as http:
            self.http = http
            yield self
        await threads.close()

    def with_client(self, id_: str, *scopes: str, partner_id: str | None = None) -> None:
        """Store a client with these scopes."""
        self.clients.put(ApiClient(id_, _HASH, frozenset(scopes), partner_id, NOW))

    async def call(self, method: str, path: str, client_id: str = "admin", **options: Any) -> Any:
        """Return the answer to a call with a fresh access token of that client."""
        keys = SigningKeys(self.secrets, self.clock)
        issue = IssueAccessToken(self.clients, ClientSecrets(), keys, self.clock, BASE)
        client = self.clients.find(client_id)
        assert client is not None
        bearer = issue.issue(client, granted_scopes(client.scopes), NOW).access_token
        headers = {"Authorization": f"Bearer {bearer}", "X-Request-ID": "test-1", **options.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **options)

    def _application(self, threads: StoreThreads) -> web.Application:
        keys = SigningKeys(self.secrets, self.clock)
        issue = IssueAccessToken(self.clients, ClientSecrets(), keys, self.clock, BASE)
        guard = BearerGuard(AuthorizeRequest(self.clients, keys, self.clock, BASE), threads)
        configure = ConfigureDocuments(self.documents, MemoryAudit(), self.clock, OutboundPolicy())
        application = web.Application(middlewares=[request_middleware(lambda *_: None, {})])
        application.add_routes(oauth_routes(issue, keys, threads, self.buckets))
        application.add_routes(partner_routes(configure, guard, threads))
        application.add_routes(campaign_routes(configure, guard, threads))
        return application
