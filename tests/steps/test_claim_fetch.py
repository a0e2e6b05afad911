"""Claims for calls: the limits come from the partners' documents, many partners take turns."""

from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.partner import Authorization, AuthorizationSource, PrefillConfig
from app.domain.session import Stage
from app.reasons import PrefillReason
from app.steps.claim import ClaimSessions
from app.steps.claim_fetch import MAX_PARTNERS, ClaimFetches
from tests.builders import NOW, move, new_session, partner, request
from tests.fakes import FixedClock, MemoryConfiguration, MemoryFetchQueue, MemorySessions

LEASE = timedelta(seconds=30)


def config(max_concurrency: int, rate_per_second: float | None = None) -> PrefillConfig:
    return PrefillConfig(
        url="https://api.acme.example/{sub}",
        method="GET",
        authorization=Authorization(AuthorizationSource.NONE),
        timeout=timedelta(seconds=5),
        max_concurrency=max_concurrency,
        rate_per_second=rate_per_second,
    )


@dataclass(slots=True)
class Claiming:
    """A ClaimFetches over twins."""

    configuration: MemoryConfiguration = field(default_factory=MemoryConfiguration)
    clock: FixedClock = field(default_factory=FixedClock)
    sessions: MemorySessions = field(default_factory=MemorySessions)

    def wait(self, partner_id: str, number: int) -> None:
        """Put sessions before the calls to a partner."""
        self.sessions.add([new_session(partner_id=partner_id) for _ in range(number)], NOW)
        verify = ClaimSessions(self.sessions, self.clock, Stage.VERIFY, number, LEASE)
        self.sessions.finish([move(s, Stage.FETCH, due_at=NOW, request=request()) for s in verify()], NOW)

    def step(self, turn: float = 0.0, most_of_one: int = 1000) -> ClaimFetches:
        queue = MemoryFetchQueue(self.sessions)
        return ClaimFetches(queue, self.sessions, self.configuration, self.clock, lambda: turn, 256, LEASE, most_of_one)


def test_claim_takes_what_the_documents_allow() -> None:
    documents = partner(id="slow", prefill=config(3)), partner(id="quick", prefill=config(500))
    claiming = Claiming(MemoryConfiguration.of(*documents))
    claiming.wait("slow", 10)
    claiming.wait("quick", 10)

    batch = claiming.step()(256, {})

    assert sum(session.partner_id == "slow" for session in batch.sessions) == 3
    assert sum(session.partner_id == "quick" for session in batch.sessions) == 10
    assert (batch.is_full, batch.awaits_answers, batch.again_in) == (False, True, None)


def test_claim_leaves_alone_whose_document_cannot_be_read() -> None:
    claiming = Claiming(MemoryConfiguration.of(partner(id="acme", prefill=config(50)), partner(id="broken")))
    claiming.configuration.unreadable.add("broken")
    claiming.wait("acme", 2)
    claiming.wait("broken", 2)

    batch = claiming.step()(256, {})

    assert [session.partner_id for session in batch.sessions] == ["acme", "acme"]
    assert not batch.is_full


def test_claim_ends_what_has_expired_also_where_the_document_cannot_be_read() -> None:
    claiming = Claiming(MemoryConfiguration.of(partner(id="broken")))
    claiming.configuration.unreadable.add("broken")
    claiming.wait("broken", 2)
    claiming.clock.advance(24 * 3600)

    batch = claiming.step()(256, {})

    assert [session.is_over for session in batch.sessions] == [True, True]


def test_claim_of_a_limited_rate_says_when_there_is_more() -> None:
    claiming = Claiming(MemoryConfiguration.of(partner(id="acme", prefill=config(50, rate_per_second=4))))
    claiming.wait("acme", 10)

    batch = claiming.step()(256, {})

    assert len(batch.sessions) == 1
    assert batch.again_in == timedelta(seconds=0.25)


def test_claim_without_due_rows_asks_for_nothing_more() -> None:
    batch = Claiming().step()(256, {})

    assert (batch.sessions, batch.is_full, batch.awaits_answers, batch.again_in) == ((), False, False, None)


def test_claim_for_a_partner_that_was_deleted_returns_its_sessions_to_be_ended() -> None:
    claiming = Claiming()
    claiming.wait("gone", 2)

    assert len(claiming.step()(256, {}).sessions) == 2


def test_claim_with_more_partners_than_one_claim_serves_takes_turns() -> None:
    claiming = Claiming()
    for number in range(MAX_PARTNERS * 2):
        claiming.wait(f"partner-{number:03}", 1)

    first = claiming.step(turn=0.75)(256, {})
    second = claiming.step(turn=0.25)(256, {})

    assert first.again_in is not None
    assert len({session.partner_id for session in (*first.sessions, *second.sessions)}) == MAX_PARTNERS * 2


def test_claim_of_a_partner_that_allows_more_than_the_process_has_leaves_room_for_others() -> None:
    claiming = Claiming(MemoryConfiguration.of(partner(id="slow", prefill=config(500))))
    claiming.wait("slow", 200)

    first = claiming.step(most_of_one=75)(256, {})
    second = claiming.step(most_of_one=75)(256, {"slow": 70})
    third = claiming.step(most_of_one=75)(256, {"slow": 75})

    assert [len(batch.sessions) for batch in (first, second, third)] == [75, 5, 0]
    assert third.awaits_answers


def test_claim_by_the_smallest_process_takes_one() -> None:
    claiming = Claiming()
    claiming.wait("acme", 3)

    assert len(claiming.step(most_of_one=1)(256, {}).sessions) == 1


def test_claim_alone_of_a_poisonous_session_ends_it() -> None:
    claiming = Claiming()
    claiming.wait("acme", 1)
    (row,) = claiming.sessions.rows.values()
    row.crash_count, row.lease_token, row.lease_until = 2, "of a dead process", NOW - LEASE

    assert claiming.step().alone() == []
    assert (row.stage, row.error_class) == (Stage.DEAD, PrefillReason.POISON)
