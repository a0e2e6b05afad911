"""What runs in one worker process, by role: how it starts, how a hint reaches it, how it ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Any

import structlog

from app.errors import StoreUnavailable
from app.ports import Work
from workers.leases import HeldLeases
from workers.outside import Outside
from workers.sweeper import Sweeper

_log = structlog.get_logger()


@dataclass(slots=True)
class WorkerProcess:
    """The parts of one process.

    `finishing` finish what others began, each by itself, so that what one meets keeps no other from its work.
    `held` are the leases of its verification, `close` lets go of what the parts share.
    """

    sweepers: Mapping[Work, Sweeper]
    drain_seconds: float
    look_seconds: float
    purge: Sweeper | None = None
    replays: Sweeper | None = None
    renewal: Sweeper | None = None
    finishing: Sequence[Sweeper] = ()
    outside: Outside[Any] | None = None
    held: HeldLeases | None = None
    close: Callable[[], None] | None = None
    _is_drained: bool = False
    _draining: Lock = field(default_factory=Lock)

    def start(self) -> None:
        """Start all parts; each looks for due work at once."""
        if self.outside is not None:
            self.outside.start()
        for sweeper in self._threads():
            sweeper.start()
        _log.info("worker.started")

    def look(self, work: Work) -> None:
        """Look for due `work` now; return when a look that began after this call is over, except for outside calls."""
        match work:
            case Work.FETCH:
                self._outside().wake_pump()
            case Work.REFRESH:
                self._outside().wake_watch()
            case Work.VERIFY | Work.UPKEEP:
                self.sweepers[work].look(self.look_seconds)

    def look_purge(self) -> None:
        """Purge now, unless it was just done."""
        if self.purge is not None:
            self.purge.look(self.look_seconds)

    def look_replays(self) -> None:
        """Take up what replays allow now, unless it was just done."""
        if self.replays is not None:
            self.replays.look(self.look_seconds)

    def drain(self) -> None:
        """Claim no more, finish what is in hand, give back the rest; later calls wait for the first."""
        with self._draining:
            if not self._is_drained:
                self._drain()
            self._is_drained = True

    def _drain(self) -> None:
        began = monotonic()
        for part in (*self._threads(), *((self.outside,) if self.outside else ())):
            part.stop()
        given_back = self.outside.drain(self.drain_seconds) if self.outside else 0
        for sweeper in self._threads():
            sweeper.join(self.drain_seconds - (monotonic() - began))
        given_back += self._give_back()
        if self.close is not None:
            self.close()
        _log.info("worker.drained", given_back=given_back, duration_ms=round((monotonic() - began) * 1000))

    def _threads(self) -> tuple[Sweeper, ...]:
        periodic = (self.purge, self.replays, self.renewal)
        return (*self.sweepers.values(), *self.finishing, *(sweeper for sweeper in periodic if sweeper is not None))

    def _outside(self) -> Outside[Any]:
        if self.outside is None:
            raise LookupError("this process makes no outside calls")
        return self.outside

    def _give_back(self) -> int:
        try:
            return self.held.give_back() if self.held else 0
        except StoreUnavailable:
            _log.warning("leases.kept", sessions=len(self.held or ()))
            return 0
