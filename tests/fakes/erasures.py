"""Erasures in memory, on the rows of MemorySessions and MemoryLedger."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.erasure import ErasedPlays, ErasedStretch, Erasure
from app.domain.session import Stage
from tests.fakes.sessions import MemorySessions
from tests.fakes.upkeep import MemoryLedger


@dataclass(slots=True)
class MemoryErasures:
    """The twin of ErasureStore and ErasureQueue; `stretch` is how many sessions a search looks at."""

    sessions: MemorySessions = field(default_factory=MemorySessions)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    rows: dict[tuple[str, str], Erasure] = field(default_factory=dict)
    stretch: int = 2000

    def add(self, erasure: Erasure) -> int:
        self.rows[erasure.partner_id, erasure.digest] = erasure
        return self._count_unjudged(erasure)

    def erase_plays(self, erasure: Erasure) -> ErasedPlays:
        theirs = [
            (id_, play)
            for id_, (play, _) in self.ledger.plays.items()
            if (play.partner_id, play.counted_as) == (erasure.partner_id, erasure.digest)
            and play.at <= erasure.asked_at
        ]
        sessions = {play.session_id for _, play in theirs} - {""}
        uses = [
            use for use, session in self.ledger.uses.items() if session in sessions and use[0] == erasure.partner_id
        ]
        linked = [(id_, play) for id_, play in theirs if erasure.forgets_plays or play.session_id]
        for use in uses:
            self.ledger.uses[use] = ""
            if erasure.forgets_plays:
                del self.ledger.uses[use]
        for id_, play in linked:
            if erasure.forgets_plays:
                self.ledger.forget(id_, play)
            else:
                told = self.ledger.plays[id_][1]
                self.ledger.plays[id_] = replace(play, session_id="", repeat_digest=None), told
        return ErasedPlays(len(linked), len(uses))

    def erase_stretch(self, erasures: Sequence[Erasure], after: str | None) -> ErasedStretch:
        ids = sorted(id_ for id_ in self.sessions.rows if id_ > (after or ""))[: self.stretch]
        if not ids:
            return ErasedStretch()
        theirs = [id_ for id_ in ids if any(self._is_theirs(id_, erasure) for erasure in erasures)]
        for id_ in theirs:
            del self.sessions.rows[id_]
        attempts = [attempt for attempt in self.sessions.attempts if attempt.session_id in theirs]
        self.sessions.attempts[:] = [attempt for attempt in self.sessions.attempts if attempt not in attempts]
        return ErasedStretch(len(theirs), len(attempts), 0, ids[-1])

    def end(self, erasure: Erasure) -> None:
        if self.rows.get((erasure.partner_id, erasure.digest)) == erasure:
            del self.rows[erasure.partner_id, erasure.digest]

    def load_ripe(self, asked_by: datetime, limit: int) -> Sequence[Erasure]:
        asked = sorted(self.rows.values(), key=lambda erasure: erasure.asked_at)
        return [one for one in asked if one.asked_at <= asked_by and not self._count_unjudged(one)][:limit]

    def _count_unjudged(self, erasure: Erasure) -> int:
        return sum(
            row.stage is Stage.VERIFY
            and row.made.partner_id == erasure.partner_id
            and row.made.received_at <= erasure.asked_at
            for row in self.sessions.rows.values()
        )

    def _is_theirs(self, id_: str, erasure: Erasure) -> bool:
        row = self.sessions.rows[id_]
        is_theirs = (row.made.partner_id, row.participant_digest) == (erasure.partner_id, erasure.digest)
        return is_theirs and row.made.received_at <= erasure.asked_at
