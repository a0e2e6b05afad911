"""A partner's key set over HTTP: shown with its history, refreshed, a key of it revoked; and tried when it is named.

Thin: the steps decide. A long search goes step by step, so that no call of the store takes long.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from aiohttp import web

from app.documents.orders import RevocationOrder, parsed_order
from app.domain.keyset_view import event_view, keyset_view
from app.errors import Overloaded, StoreUnavailable
from app.keyset_ports import StoredKeyset
from app.management_ports import StoredDocument
from app.ports import Clock
from app.steps.authorize import Caller
from app.steps.keysets import ManageKeysets
from app.steps.revocation_view import revocation_view
from app.steps.revoke_key import Revocation, RevokeKey
from app.steps.try_keyset import LOOK_SECONDS, PATIENCE_SECONDS, Findings, TryKeyset
from app.web.bearer import BearerGuard
from app.web.bodies import json_response, read_json
from app.web.openapi.keysets import LIST_KEY_EVENTS, REFRESH_KEYSET, REVOKE_KEY, SHOW_KEYSET
from app.web.openapi.operation import OperationRoute
from app.web.store_threads import StoreThreads

FINDINGS_HEADER: Final = "Vestibule-Keyset"
_MAX_BODY_BYTES: Final = 4096
_ACCEPTED: Final = 202


@dataclass(frozen=True, slots=True)
class KeysetCalls:
    """The calls for the key set of a partner."""

    manage: ManageKeysets
    revoke_key: RevokeKey
    try_keyset: TryKeyset
    threads: StoreThreads
    clock: Clock
    patience_seconds: float = field(default=PATIENCE_SECONDS)
    searches: set[asyncio.Task[Revocation]] = field(default_factory=set)

    def routes(self, guard: BearerGuard) -> list[OperationRoute]:
        """Return the routes."""
        return [
            guard.serves(SHOW_KEYSET, self.show),
            guard.serves(LIST_KEY_EVENTS, self.load_history),
            guard.serves(REFRESH_KEYSET, self.refresh),
            guard.serves(REVOKE_KEY, self.revoke),
        ]

    async def show(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with the key set."""
        return self._answer(
            await self.threads.call(partial(self.manage.show, request.match_info["partner_id"], caller))
        )

    async def load_history(self, request: web.Request, caller: Caller) -> web.Response:
        """Answer with what became of its keys, newest first."""
        events = await self.threads.call(partial(self.manage.load_history, request.match_info["partner_id"], caller))
        return json_response({"items": [event_view(event) for event in events], "cursor": None})

    async def refresh(self, request: web.Request, caller: Caller) -> web.Response:
        """Ask for a refresh and answer with what is known by now."""
        stored = await self.threads.call(partial(self.manage.refresh, request.match_info["partner_id"], caller))
        return self._answer(stored, _ACCEPTED)

    async def revoke(self, request: web.Request, caller: Caller) -> web.Response:
        """Revoke a key, and answer with what it had accepted if that is asked for."""
        order = parsed_order(RevocationOrder, await read_json(request, _MAX_BODY_BYTES))
        begin = partial(self.revoke_key.begin, request.match_info["partner_id"], caller=caller, **order.model_dump())
        revocation = await self.threads.call(begin)
        search = asyncio.create_task(self._searched(revocation, caller))
        self.searches.add(search)
        search.add_done_callback(self.searches.discard)
        return json_response(revocation_view(await asyncio.shield(search)))  # it goes on though its caller has gone

    async def try_source(self, stored: StoredDocument) -> Mapping[str, str]:
        """Return the header that says what the keys of a partner's new document came to, within two seconds."""
        try:
            trial = await self.threads.call(partial(self.try_keyset.begin, stored.document))
            if trial is None:
                return {}
            look = partial(self.try_keyset.look, trial)
            findings = await self.threads.call(look)
            for _ in range(round(self.patience_seconds / LOOK_SECONDS)):
                if not findings.is_pending:
                    break
                await asyncio.sleep(LOOK_SECONDS)
                findings = await self.threads.call(look)
        except (StoreUnavailable, Overloaded):  # the document is stored, and that is what the answer is about
            return {}
        return {FINDINGS_HEADER: spell_findings(findings)}

    async def _searched(self, revocation: Revocation, caller: Caller) -> Revocation:
        while not revocation.is_over:
            revocation = await self.threads.call(partial(self.revoke_key.go_on, revocation, caller))
        return revocation

    def _answer(self, stored: StoredKeyset, status: int = 200) -> web.Response:
        return json_response(keyset_view(stored.keyset, stored.first_seen, self.clock.now()), status)


def spell_findings(findings: Findings) -> str:
    """Return findings as an item with parameters (RFC 9651 section 3.3)."""
    parts = [
        findings.state.value,
        f"version={findings.version}",
        f"keys={findings.keys}",
        f"dropped={findings.dropped}",
    ]
    if findings.error is not None:
        shown = "".join(mark for mark in findings.error if mark.isascii() and mark.isprintable())
        parts.append('error="{}"'.format(shown.replace("\\", "\\\\").replace('"', '\\"')))
    if findings.is_pending:
        parts.append("pending")
    return "; ".join(parts)
