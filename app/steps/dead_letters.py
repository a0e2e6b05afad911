"""Look at dead letters: list them, and read what a replay brought one after its public life.

What a caller may not see does not exist for it; who read a person's data is audited.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from app.domain.dead_letter import DeadLetter, LetterFilter, SkipReason, place_of, skip_reason
from app.domain.session import StoredSession, prefill_view, rfc3339
from app.errors import PartnerUnknown, SessionUnknown
from app.management_ports import AuditLog, DeadLetters, SessionRecords
from app.ports import Clock
from app.steps.authorize import Caller

Filter = TypeVar("Filter", bound=LetterFilter)


@dataclass(frozen=True, slots=True)
class ListedLetter:
    """A dead letter, and why a replay without force would pass it over (None: it would not)."""

    letter: DeadLetter
    skip_reason: SkipReason | None


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some dead letters, and the place behind which the next page begins (None: there is none)."""

    letters: Sequence[ListedLetter]
    after: str | None


@dataclass(frozen=True, slots=True)
class ListDeadLetters:
    """Lists dead letters."""

    letters: DeadLetters
    clock: Clock

    def __call__(self, wanted: LetterFilter, caller: Caller, after: str, limit: int) -> LetterPage:
        """Return at most `limit` that the caller sees, after a place (empty: the first); raise PartnerUnknown."""
        now = self.clock.now()
        found = self.letters.load_page(narrowed(wanted, caller), after, limit + 1)
        shown = [ListedLetter(letter, skip_reason(letter.obstacles(now), force=False)) for letter in found[:limit]]
        return LetterPage(shown, place_of(shown[-1].letter) if len(found) > limit else None)


@dataclass(frozen=True, slots=True)
class ReadDeadLetter:
    """Reads what became of one dead letter."""

    records: SessionRecords
    audit: AuditLog
    clock: Clock

    def __call__(self, session_id: str, caller: Caller) -> dict[str, object]:
        """Return what became of a dead letter, with the prefill that it holds now; raise SessionUnknown."""
        found = self.records.find_replayable(session_id)
        if found is None or not caller.sees(found[0]):
            raise SessionUnknown("There is no dead letter of this id.")
        partner_id, session = found
        now = self.clock.now()
        self.audit.add(caller.did("prefill.read", session_id, now, partner_id=partner_id))
        return _view(partner_id, session) | {"prefill": prefill_view(session, now)}


def narrowed(wanted: Filter, caller: Caller) -> Filter:
    """Return the filter as far as the caller sees; raise PartnerUnknown if it names a partner that it does not."""
    if wanted.partner_id is not None and not caller.sees(wanted.partner_id):
        raise PartnerUnknown
    return wanted if caller.partner_id is None else replace(wanted, partner_id=caller.partner_id)


def _view(partner_id: str, session: StoredSession) -> dict[str, object]:
    return {
        "session_id": session.id,
        "partner_id": partner_id,
        "campaign_id": session.campaign_id,
        "stage": session.stage,
        "error_class": session.error_class,
        "received_at": rfc3339(session.received_at),
        "expires_at": rfc3339(session.expires_at),
    }
