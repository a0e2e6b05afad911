"""Partners and campaigns over HTTP: the same five calls for both kinds of documents.

Thin: reads the request, calls the step in a thread, writes the answer. A version is shown as a strong ETag.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from app.documents.listing import parse_page_query
from app.domain.session import rfc3339
from app.management_ports import DocumentKind, StoredDocument
from app.steps.authorize import Caller
from app.steps.configure import ConfigureDocuments, Precondition
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, read_json, single_query
from app.web.openapi.documents import DocumentOperations
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads

AfterPut = Callable[[StoredDocument], Awaitable[Mapping[str, str]]]
"""Does what follows from a stored document; returns headers for the answer."""

MAX_BODY_BYTES: Final = 512 * 1024
"""A campaign with all its texts in two dozen languages."""

_ETAG_VERSION = re.compile(r'"([1-9][0-9]{0,17})"')
_CREATED = 201
_NO_CONTENT = 204
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class DocumentCalls:
    """The calls for one kind of documents."""

    kind: DocumentKind
    operations: DocumentOperations
    configure: ConfigureDocuments
    threads: StoreThreads
    after_put: AfterPut | None = None

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        operations = self.operations
        return [
            guard.serves(operations.list, self.load_page),
            guard.serves(operations.get, self.get),
            guard.serves(operations.put, self.put),
            guard.serves(operations.delete, self.delete),
        ]

    async def put(self, request: web.Request, caller: Caller) -> web.Response:
        """Store the document: 201 if it is new, else 200."""
        id_, precondition = self._id(request), _precondition(request)
        body = await read_json(request, MAX_BODY_BYTES)
        put = await self.threads.call(partial(self.configure.put, self.kind, id_, body, caller, precondition))
        found = {} if self.after_put is None else await self.after_put(put.stored)
        return _answer(put.stored, _CREATED if put.is_new else 200, found)

    async def get(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with the document, or that the caller has it as it is."""
        stored = await self.threads.call(partial(self.configure.get, self.kind, self._id(request), caller))
        answer = _answer(stored)
        known = _unmatched(request)
        if known == ["*"] or stored.version in _versions(known):
            return web.Response(status=_NOT_MODIFIED, headers={"ETag": answer.headers["ETag"]})
        return answer

    async def delete(self, request: web.Request, caller: Caller) -> web.Response:
        """Delete the document."""
        id_, precondition = self._id(request), _precondition(request)
        await self.threads.call(partial(self.configure.delete, self.kind, id_, caller, precondition))
        return web.Response(status=_NO_CONTENT)

    async def load_page(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with a page of the list."""
        asked = parse_page_query(single_query(request))
        page = await self.threads.call(partial(self.configure.load_page, self.kind, caller, asked.after, asked.limit))
        cursor = None if page.after is None else urlsafe_b64encode(page.after.encode()).decode()
        return json_response({"items": [_item(stored) for stored in page.documents], "cursor": cursor})

    def _id(self, request: web.Request) -> str:
        return request.match_info[f"{self.kind}_id"]


def _answer(
    stored: StoredDocument, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
) -> web.Response:
    return json_response(stored.document, status, {"ETag": f'"{stored.version}"', **headers})


def _item(stored: StoredDocument) -> dict[str, Any]:
    times = {"created_at": rfc3339(stored.created_at), "updated_at": rfc3339(stored.updated_at)}
    return {"id": stored.id, "version": stored.version, **times, **stored.document}


def _precondition(request: web.Request) -> Precondition:
    """Return what If-Match and If-None-Match demand (RFC 9110 section 13.1).

    A foreign tag matches nothing, and so does a header that holds none: whoever sends one wants to be guarded.
    """
    matched, unmatched = _tags(request, "If-Match"), _unmatched(request)
    is_guarded = "If-Match" in request.headers
    return Precondition(
        must_be_absent=unmatched == ["*"],
        must_exist=is_guarded,
        versions=_versions(matched) if is_guarded and matched != ["*"] else None,
        other_than=_versions(unmatched),
    )


def _tags(request: web.Request, name: str) -> list[str]:
    return [tag.strip() for tag in ",".join(request.headers.getall(name, [])).split(",")]


def _unmatched(request: web.Request) -> list[str]:
    """Return the tags of If-None-Match, which compares weakly."""
    return [tag.removeprefix("W/") for tag in _tags(request, "If-None-Match")]


def _versions(tags: Iterable[str]) -> frozenset[int]:
    return frozenset(int(match[1]) for tag in tags if (match := _ETAG_VERSION.fullmatch(tag)))
