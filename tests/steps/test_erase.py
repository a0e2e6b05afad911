"""The deletion of a participant's data, from the word of a manager to its end in upkeep."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from app.adapters.digests import KeyedDigests
from app.domain.erasure import Erasing, erasing_view
from app.domain.session import Stage
from app.errors import PartnerUnknown
from app.management_ports import AuditEntry, DocumentKind
from app.ports import Claim
from app.steps.authorize import Caller
from app.steps.erase import EraseParticipant, FinishErasures
from tests.builders import NOW, move, new_session
from tests.documents.examples import partner_body
from tests.fakes import FixedClock, MemoryAudit, MemoryDocuments, MemoryErasures, MemoryLeases
from tests.steps.pairs import ADMIN

SUB = "ada@example.com"
DIGESTS = KeyedDigests(b"secret")
LEASE = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class World:
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    erasures: MemoryErasures = field(default_factory=lambda: MemoryErasures(stretch=2))
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.documents.put(DocumentKind.PARTNER, "acme", partner_body(), None, NOW)

    def take_in(self) -> str:
        session = new_session()
        self.erasures.sessions.add([session], NOW)
        return session.id

    def judge_all(self) -> None:
        sessions = self.erasures.sessions
        claimed = sessions.claim(Claim(Stage.VERIFY, 10, NOW, NOW + LEASE))
        digest = DIGESTS.participant("acme", SUB)
        sessions.finish([move(one, participant_digest=digest) for one in claimed], NOW)

    def erase(self, caller: Caller = ADMIN) -> Erasing:
        step = EraseParticipant(self.documents, self.erasures, lambda: DIGESTS, self.audit, self.clock)
        erasing = step.begin("acme", SUB, caller)
        while not erasing.is_over:
            erasing = step.go_on(erasing)
        return erasing

    def finish(self) -> int:
        self.clock.advance(60)
        return FinishErasures(self.erasures, self.erasures, self.leases, self.clock)()


def test_erasure_deletes_what_is_judged_and_is_recorded_without_a_name() -> None:
    world = World()
    ids = [world.take_in() for _ in range(5)]
    world.judge_all()

    erased = world.erase()

    assert erasing_view(erased) == {
        "sessions": 5,
        "attempts": 0,
        "participations": 0,
        "used_tokens": 0,
        "plays": "counted",
        "left": 0,
        "unjudged": 0,
    }
    assert world.erasures.sessions.load(ids) == {}
    assert world.audit.entries == [AuditEntry(NOW, "admin", "participant.erased", "acme", {"plays": "counted"}, "acme")]
    assert SUB not in repr((world.audit.entries, world.erasures.rows))


def test_session_that_was_not_judged_yet_goes_when_it_is() -> None:
    world = World()
    id_ = world.take_in()

    erased = world.erase()
    too_early = world.finish()
    world.judge_all()
    judged = world.erasures.sessions.load([id_])
    ended = world.finish()

    assert (erased.unjudged, erased.found.sessions, too_early, ended) == (1, 0, 0, 1)
    assert (list(judged), world.erasures.sessions.load([id_])) == ([id_], {})
    assert world.erasures.rows == {}


def test_erasure_is_finished_by_one_process_at_a_time() -> None:
    world = World()
    world.erase()
    world.clock.advance(60)
    world.leases.take("erasures", world.clock.now(), world.clock.now() + MINUTE)

    assert FinishErasures(world.erasures, world.erasures, world.leases, world.clock)() == 0
    assert len(world.erasures.rows) == 1


@pytest.mark.parametrize("caller", [Caller("globex-client", ADMIN.scopes, "globex")], ids=["of-another-partner"])
def test_erasure_for_a_partner_that_is_not_seen_is_refused(caller: Caller) -> None:
    world = World()

    with pytest.raises(PartnerUnknown):
        world.erase(caller)

    assert (world.audit.entries, world.erasures.rows) == ([], {})
