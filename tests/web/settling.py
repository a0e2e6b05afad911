"""A store whose sessions settle when a test says so, and that notes who looked for which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.session import StoredSession


@dataclass
class Store:
    settled: dict[str, StoredSession] = field(default_factory=dict)
    looks: list[Sequence[str]] = field(default_factory=list)

    def load_settled(self, ids: Sequence[str]) -> Mapping[str, StoredSession]:
        self.looks.append(ids)
        return {id_: self.settled[id_] for id_ in ids if id_ in self.settled}

    def looked_for(self, session_id: str) -> int:
        return sum(session_id in ids for ids in self.looks)

    async def look(self, ids: Sequence[str]) -> Sequence[StoredSession | None]:
        """Do the job of `LongPolls` without a thread, in no time."""
        found = self.load_settled(ids)
        return [found.get(id_) for id_ in ids]
