"""Requests that wait for their session to settle: one poller for all of them, so that queries do not grow with waiters.

Where news of settled sessions are heard, those told of are loaded at once, and the poller is a net for others.
Where not, a new session is first looked for at the age at which sessions settle these days, since a look in vain costs
as much as one that finds it. After that it is looked for often while it is young, and seldom when it is old, in
proportion: a thousand that wait for a slow partner cost next to nothing. Knows terminal stages only; whoever waits says
until when.
"""

import asyncio
import math
from collections.abc import Container, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

from app.domain.session import StoredSession
from app.errors import Overloaded, StoreUnavailable
from app.loop_ports import SettledNews
from app.web.batching import Job, settle
from app.web.own_loop import OnOneLoop

SHORTEST_PAUSE_SECONDS: Final = 0.010
LONGEST_PAUSE_SECONDS: Final = 0.5
LATEST_FIRST_LOOK_SECONDS: Final = 0.2
"""However long sessions take to settle, where nobody tells."""
LATEST_WHERE_TOLD_SECONDS: Final = 0.4
"""And where somebody does: so much later than by news one hears of a session that nobody tells of."""
MAX_WAITING: Final = 20_000
"""Requests that may wait; whoever comes then is told how it stands, as without a wait, and polls."""
LOOK_ROWS: Final = 512
"""Sessions of one query."""
SHARE_OF_AGE: Final = 1 / 8
"""What looking seldom may add to the time that a session took to settle."""
YOUNG_SECONDS: Final = 0.5
"""Sessions that take longer wait for a partner, and tell nothing of the others."""
_LATER: Final = 1.01
"""How the age of the first look changes with each that was in vain, or that news have spared."""
_EARLIER: Final = _LATER**-4
"""And with each that found its session settled: so that one in five does."""
_REMEMBERED_SECONDS: Final = 1.0
"""For so long at least it is remembered who was told of; who asks later reads first."""

Load = Job[str, StoredSession | None]
"""Loads those sessions that are in a terminal stage."""
_Waiter = asyncio.Future[StoredSession | None]


@dataclass(slots=True)
class _Wait:
    """Who waits for one session, of age 0 at `born_at`; moments are the loop's."""

    born_at: float
    look_at: float = 0.0
    looks: int = 0
    waiters: dict[_Waiter, float] = field(default_factory=dict)
    """Each with the moment after which a look in vain ends its wait."""


@dataclass(slots=True)
class _Told:
    """Which sessions were told of, and are to be loaded or remembered."""

    waited_for: list[str] = field(default_factory=list)
    """Those for which somebody waits."""
    _latest: set[str] = field(default_factory=set)
    _earlier: set[str] = field(default_factory=set)
    _begun_at: float = -math.inf

    def note(self, ids: Sequence[str], waits: Container[str], now: float) -> None:
        """Note that these have settled."""
        if now - self._begun_at > _REMEMBERED_SECONDS:
            self._earlier, self._latest, self._begun_at = self._latest, set(), now
        self._latest.update(ids)
        self.waited_for += [id_ for id_ in ids if id_ in waits]

    def recalls(self, id_: str) -> bool:
        """Tell whether this one was told of lately, before this wait; it is to be loaded then."""
        if id_ not in self._latest and id_ not in self._earlier:
            return False
        self.waited_for.append(id_)
        return True

    def take(self, most: int) -> Sequence[str]:
        """Return who is to be loaded, without those that are left for the next time."""
        taken, self.waited_for = self.waited_for[:most], self.waited_for[most:]
        return taken


class LongPolls(OnOneLoop):
    """Waits for sessions on behalf of requests; begins to hear `news` when somebody first waits."""

    def __init__(self, load: Load, news: SettledNews | None = None) -> None:
        self._load = load
        self._news = news
        self._hearing: asyncio.Task[None] | None = None
        self._told = _Told()
        self._loading: asyncio.Task[None] | None = None
        self._waits: dict[str, _Wait] = {}
        self._looks: list[tuple[float, str]] = []
        """A heap of when to look for which session; an entry counts if its wait says the same."""
        self._poller: asyncio.Task[None] | None = None
        self._closing = False
        self._waiting = 0
        self._first_look = SHORTEST_PAUSE_SECONDS
        """The age at which a session is first looked for."""

    @property
    def waiting(self) -> int:
        """Return how many requests wait; one that was given up counts until its next look."""
        return self._waiting

    @property
    def is_open(self) -> bool:
        """Tell whether one more may wait: not where too many do, nor while the process ends."""
        return not self._closing and self._waiting < MAX_WAITING

    async def wait(self, session_id: str, seconds: float, age_seconds: float) -> StoredSession | None:
        """Return the session as soon as it is in a terminal stage, or None after `seconds`; raise StoreUnavailable.

        Until then it is looked for the less often, the older it is.
        """
        if not self.is_open or seconds <= 0:
            return None
        waiter = self._join(session_id, age_seconds, math.inf)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            return None
        finally:
            self._leave(session_id, waiter)

    def begin(self, session_id: str, seconds: float, age_seconds: float) -> "asyncio.Future[StoredSession | None]":
        """Return what will be the session once it is in a terminal stage, or None at a look when `seconds` are over.

        For short waits of many: it costs no timer. It must be `open`; who gives up cancels.
        """
        return self._join(session_id, age_seconds, self._loop.time() + seconds)

    def close(self) -> None:
        """Let everybody who waits go, and nobody wait again."""
        self._closing = True
        for waiter in self._take_everybody():
            waiter.set_result(None)
        for task in (self._poller, self._hearing, self._loading):
            if task is not None:
                task.cancel()

    def tell(self, ids: Sequence[str]) -> None:
        """Load those of `ids` for which somebody waits, together with what is told meanwhile; remember all of them."""
        self._told.note(ids, self._waits, self._loop.time())
        self._load_told()

    def _join(self, session_id: str, age_seconds: float, ends_at: float) -> _Waiter:
        waiter: _Waiter = self._loop.create_future()
        if session_id not in self._waits:
            now = self._loop.time()
            self._waits[session_id] = _Wait(now - age_seconds)
            self._look_again(session_id, now + max(SHORTEST_PAUSE_SECONDS, self._first_look - age_seconds))
            if self._told.recalls(session_id):
                self._load_told()
        wait = self._waits[session_id]
        wait.waiters[waiter] = ends_at
        if ends_at < wait.look_at:
            self._look_again(session_id, ends_at)
        self._waiting += 1
        if self._poller is None:
            self._poller = self._loop.create_task(self._poll(), context=Context())
        if self._hearing is None and self._news is not None:
            self._hearing = self._loop.create_task(self._news.hear(self.tell), context=Context())
        return waiter

    def _load_told(self) -> None:
        if self._told.waited_for and self._loading is None:
            self._loading = self._loop.create_task(self._load_while_told(), context=Context())

    async def _load_while_told(self) -> None:
        try:
            while ids := self._told.take(LOOK_ROWS):
                await self._look([id_ for id_ in ids if id_ in self._waits], is_told=True)
        finally:
            self._loading = None

    async def _poll(self) -> None:
        took = 0.0
        try:
            while self._waits:
                await asyncio.sleep(max(SHORTEST_PAUSE_SECONDS, took))  # a slow store has half of the time to itself
                began_at = self._loop.time()
                due = self._take_due(began_at)
                for first in range(0, len(due), LOOK_ROWS):
                    await self._look(due[first : first + LOOK_ROWS])
                took = self._loop.time() - began_at
        finally:
            self._poller = None

    def _take_due(self, now: float) -> Sequence[str]:
        """Return who is to be looked for now, and note when to do so again."""
        due = []
        while self._looks and self._looks[0][0] <= now:
            look_at, session_id = heappop(self._looks)
            wait = self._waits.get(session_id)
            if wait is None or wait.look_at != look_at:
                continue
            self._forget_who_gave_up(session_id, wait)
            if wait.waiters:
                due.append(session_id)
        for session_id in due:
            wait = self._waits[session_id]
            ends_at = min((end for end in wait.waiters.values() if end > now), default=math.inf)
            self._look_again(session_id, min(now + pause(now - wait.born_at), ends_at))
        return due

    def _look_again(self, session_id: str, look_at: float) -> None:
        self._waits[session_id].look_at = look_at
        heappush(self._looks, (look_at, session_id))

    async def _look(self, ids: Sequence[str], *, is_told: bool = False) -> None:
        try:
            settled = await self._load(ids)
        except StoreUnavailable as error:
            for waiter in self._take_everybody():
                waiter.set_exception(StoreUnavailable(str(error)))
            return
        except Overloaded:
            return  # they are looked for again in a moment
        now = self._loop.time()
        for id_, session in zip(ids, settled, strict=True):
            wait = self._waits.get(id_)
            if wait is None:
                continue
            wait.looks += 1
            if session is not None and now - wait.born_at < YOUNG_SECONDS:
                self._learn(is_told=is_told, is_first=wait.looks == 1)
            for waiter in [waiter for waiter, end in wait.waiters.items() if session is not None or end <= now]:
                settle(waiter, session)
                self._leave(id_, waiter)

    def _learn(self, *, is_told: bool, is_first: bool) -> None:
        """Look for new sessions earlier where one was settled already at its first look, else a little later."""
        learnt = self._first_look * (_EARLIER if is_first and not is_told else _LATER)
        latest = LATEST_WHERE_TOLD_SECONDS if is_told else LATEST_FIRST_LOOK_SECONDS
        self._first_look = min(max(learnt, SHORTEST_PAUSE_SECONDS), latest)

    def _forget_who_gave_up(self, session_id: str, wait: _Wait) -> None:
        for waiter in [waiter for waiter in wait.waiters if waiter.done()]:
            self._leave(session_id, waiter)

    def _take_everybody(self) -> Sequence[_Waiter]:
        everybody = [waiter for wait in self._waits.values() for waiter in wait.waiters if not waiter.done()]
        self._waits.clear()
        self._waiting = 0
        return everybody

    def _leave(self, session_id: str, waiter: _Waiter) -> None:
        """Forget one who waits, unless that was done before."""
        wait = self._waits.get(session_id)
        if wait is None or wait.waiters.pop(waiter, None) is None:
            return
        self._waiting -= 1
        if not wait.waiters:
            del self._waits[session_id]


def pause(age_seconds: float) -> float:
    """Return the seconds between two looks for a session of this age."""
    return min(max(SHORTEST_PAUSE_SECONDS, age_seconds * SHARE_OF_AGE), LONGEST_PAUSE_SECONDS)
