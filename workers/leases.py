"""The leases that this process holds, and how it gives them back when it cannot finish what they are for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.session import ClaimedSession
from app.ports import Clock, SessionQueue


@dataclass(slots=True)
class HeldLeases:
    """Leases by session id; changed by one thread, read by any."""

    queue: SessionQueue
    clock: Clock
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self._tokens)

    def hold(self, sessions: Sequence[ClaimedSession]) -> None:
        """Note that `sessions` are ours."""
        self._tokens.update((session.id, session.lease_token) for session in sessions)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget the leases of `ids`: they ended, or are to run out."""
        for id_ in ids:
            self._tokens.pop(id_, None)

    def renew(self, lease: timedelta) -> None:
        """Prolong all leases by `lease` from now."""
        if tokens := dict(self._tokens):
            self.queue.renew(tokens, self.clock.now() + lease)

    def give_back(self) -> int:
        """Release all leases, so that others can claim the sessions at once; return how many there were."""
        tokens = dict(self._tokens)
        if tokens:
            self.queue.release(tokens, self.clock.now())
            self.drop(tokens)
        return len(tokens)
