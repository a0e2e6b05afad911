"""Tell what happened to one session, and when, to those who manage its partner."""

from dataclasses import dataclass

from app.domain.timeline import timeline
from app.errors import SessionUnknown
from app.management_ports import SessionRecords
from app.steps.authorize import Caller


@dataclass(frozen=True, slots=True)
class TellTimeline:
    """Returns the events of a session."""

    records: SessionRecords

    def __call__(self, session_id: str, caller: Caller) -> list[dict[str, object]]:
        """Return the events, the earliest first; raise SessionUnknown, also for what the caller does not see."""
        history = self.records.find_history(session_id)
        if history is None or not caller.sees(history.partner_id):
            raise SessionUnknown("There is no session of this id.")
        return timeline(history)
