"""The leases that this process holds, and how it gives them back when it cannot finish what they are for."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.session import ClaimedSession
from app.ports import Clock, SessionQueue


@dataclass(slots=True)
class HeldLeases:
    """Leases by session id; threads may change and read them at once, since each is noted or dropped by itself."""

    queue: SessionQueue
    clock: Clock
    _held: dict[str, ClaimedSession] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, sessions: Sequence[ClaimedSession]) -> None:
        """Note that `sessions` are ours."""
        self._held.update((session.id, session) for session in sessions)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget the leases of `ids`: they ended, or are to run out."""
        for id_ in ids:
            self._held.pop(id_, None)

    def count_by_partner(self) -> Mapping[str, int]:
        """Return how many leases there are on sessions of each partner."""
        return Counter(session.partner_id for session in dict(self._held).values())

    def renew(self, lease: timedelta) -> frozenset[str]:
        """Prolong all leases by `lease` from now; return the ids of those that still held."""
        tokens = self._tokens()
        return self.queue.renew(tokens, self.clock.now() + lease) if tokens else frozenset()

    def give_back(self) -> int:
        """Release all leases, so that others can claim the sessions at once; return how many there were."""
        tokens = self._tokens()
        if tokens:
            self.queue.release(tokens)
            self.drop(tokens)
        return len(tokens)

    def _tokens(self) -> Mapping[str, str]:
        return {id_: session.lease_token for id_, session in dict(self._held).items()}
