"""What the pump drives, as Protocols: the step that claims, and the step that calls."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from app.domain.session import ClaimedSession
from app.steps.claim_fetch import FetchBatch
from app.steps.fetch import Fetched, PlannedCall


class ClaimStep(Protocol):
    """Where the pump gets its work: `app.steps.claim_fetch.ClaimFetches`."""

    @property
    def limit(self) -> int:
        """Return how many sessions one claim takes at most."""
        ...

    def __call__(self, limit: int, held: Mapping[str, int]) -> FetchBatch:
        """Claim at most `limit` sessions, beside those that are `held` of each partner."""
        ...

    def alone(self) -> Sequence[ClaimedSession]:
        """Claim one session that has killed two processes, if there is any."""
        ...


class FetchStep(Protocol):
    """What the pump drives: `app.steps.fetch.FetchPrefills`."""

    def plan(self, sessions: Sequence[ClaimedSession]) -> Sequence[PlannedCall]:
        """Return the calls of a claimed batch."""
        ...

    async def call(self, planned: PlannedCall) -> Fetched:
        """Make one call; one that is cancelled was made too, and has its outcome."""
        ...

    def save(self, fetched: Sequence[Fetched]) -> frozenset[str]:
        """Save in one transaction."""
        ...
