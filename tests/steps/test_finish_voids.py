"""What a revocation began is finished: sessions that its own search did not see are rejected too."""

from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.session import Stage, TokenStatus
from app.keyset_ports import VoidOrder
from app.management_ports import AuditEntry
from app.ports import Claim
from app.steps.finish_voids import FinishVoids
from tests.builders import NOW, move, new_session
from tests.fakes import FixedClock, MemoryAcceptedSessions, MemoryAudit, MemoryLeases, MemoryVoidOrders

MINUTE = timedelta(minutes=1)
ORDER = VoidOrder("acme", "k1", frozenset({"stolen"}), NOW, "admin", "request-1")


@dataclass(slots=True)
class World:
    accepted: MemoryAcceptedSessions = field(default_factory=MemoryAcceptedSessions)
    orders: MemoryVoidOrders = field(default_factory=MemoryVoidOrders)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.orders.add(ORDER)

    def accept(self, thumbprint: str = "stolen", partner_id: str = "acme") -> str:
        sessions = self.accepted.sessions
        sessions.add([new_session(partner_id=partner_id)], NOW)
        [claimed] = sessions.claim(Claim(Stage.VERIFY, 1, NOW, NOW + MINUTE))
        sessions.finish([move(claimed, key_thumbprint=thumbprint, keyset_version=1)], NOW)
        return claimed.id

    def status(self, session_id: str) -> TokenStatus | None:
        outcome = self.accepted.sessions.rows[session_id].outcome
        return outcome.token_status if outcome else None

    def finish(self, seconds: float = 60) -> int:
        self.clock.advance(seconds)
        return FinishVoids(self.orders, self.accepted, self.audit, self.leases, self.clock)()


def test_void_order_rejects_what_the_key_had_accepted_and_is_over() -> None:
    world = World()
    sessions = [world.accept() for _ in range(3)]
    others = [world.accept("good"), world.accept(partner_id="globex")]

    ended = world.finish()

    assert ended == 1
    assert {world.status(id_) for id_ in sessions} == {TokenStatus.REJECTED}
    assert {world.status(id_) for id_ in others} == {TokenStatus.ACCEPTED}
    assert world.orders.rows == {}


def test_void_order_is_recorded_stretch_by_stretch_as_the_change_of_who_gave_it() -> None:
    world = World()
    for _ in range(3):
        world.accept()

    world.finish()

    at = NOW + MINUTE
    assert world.audit.entries == [
        AuditEntry(
            at,
            "admin",
            "keyset.sessions_voided",
            "acme",
            {"kid": "k1", "voided": voided, "left": 0},
            "acme",
            "request-1",
        )
        for voided in (2, 1)
    ]


def test_void_order_waits_for_the_batches_that_were_judged_before_it() -> None:
    world = World()

    too_early = world.finish(59)
    session = world.accept()
    ended = world.finish(51)

    assert (too_early, ended, world.status(session)) == (0, 1, TokenStatus.REJECTED)


def test_void_order_whose_sessions_are_being_written_is_tried_again() -> None:
    world = World()
    session = world.accept()
    world.accepted.locked.add(session)

    first = world.finish()
    world.accepted.locked.clear()
    second = world.finish()

    assert (first, second, world.status(session)) == (0, 1, TokenStatus.REJECTED)


def test_void_orders_are_left_to_another_process_that_is_at_them() -> None:
    world = World()
    world.leases.take("void_orders", NOW, NOW + 2 * MINUTE)

    assert world.finish() == 0
    assert len(world.orders.rows) == 1
