"""What the ingress asks of a store on its event loop, where a thread would cost more than what is asked.

Not every store can be asked so, and none of them always; those of `ports` hold for all. Each call is one transaction,
and raises `StoreUnavailable` when the database cannot be reached.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from app.domain.session import NewSession, StoredSession

Tell = Callable[[Sequence[str]], None]
"""Is told ids of sessions; returns at once."""


class NotOnLoop(Exception):
    """Nothing was done: a thread is to ask the same, and finds out what stands in the way."""


class LoopSessions(Protocol):
    """The statements that a participant costs the ingress; each may raise NotOnLoop instead."""

    async def add(self, sessions: Sequence[NewSession]) -> None:
        """Commit `sessions`, of which none repeats a request."""
        ...

    async def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        """Return those of `ids` that are in a terminal stage, in one query."""
        ...

    async def mark_read(self, read_at: Mapping[str, datetime]) -> frozenset[str]:
        """Note when these were shown, unless that is noted; return which were passed over, being written just now."""
        ...

    async def close(self) -> None:
        """Let the connections go."""
        ...


class SettledNews(Protocol):
    """Tells which sessions have settled."""

    async def hear(self, tell: Tell) -> None:
        """Tell the ids of sessions as they reach a terminal stage, until cancelled; some may never be told."""
        ...
