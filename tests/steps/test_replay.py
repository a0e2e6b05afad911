"""Replays: started once, taken up at their rate, steered; on twins of the stores."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.domain.dead_letter import LetterFilter, SkipReason
from app.domain.prefill import PrefillStatus
from app.domain.replay import Replay, ReplayCommand, ReplayFilter, ReplayOrder, ReplayState
from app.domain.scopes import ALL_SCOPES
from app.domain.session import Priority, Stage
from app.errors import CampaignUnknown, PartnerUnknown, ReplayActive, ReplayOver, ReplayUnknown, SessionUnknown
from app.management_ports import AuditEntry, DocumentKind
from app.ports import Claim, Work
from app.reasons import PrefillReason
from app.steps import replay
from app.steps.authorize import Caller
from app.steps.dead_letters import ListDeadLetters, ReadDeadLetter
from app.steps.replay import AdvanceReplays, StartReplay
from app.steps.steer_replay import SteerReplays
from app.steps.timeline import TellTimeline
from tests.builders import NOW, move, new_session, outcome, request
from tests.documents.examples import campaign_body, partner_body
from tests.fakes import (
    FixedClock,
    MemoryAudit,
    MemoryDocuments,
    MemoryLeases,
    MemoryReplays,
    MemorySessions,
    RecordingHints,
)

ADMIN = Caller("admin", ALL_SCOPES)
BOUND = Caller("acme-client", ALL_SCOPES, "acme")
LEASE = timedelta(seconds=30)
ACME = ReplayFilter(partner_id="acme")


@dataclass(slots=True)
class World:
    """What the steps stand on, and the steps."""

    sessions: MemorySessions = field(default_factory=MemorySessions)
    clock: FixedClock = field(default_factory=FixedClock)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    hints: RecordingHints = field(default_factory=RecordingHints)
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    replays: MemoryReplays = field(init=False)

    def __post_init__(self) -> None:
        self.replays = MemoryReplays(self.sessions)
        for partner_id in ("acme", "globex"):
            self.documents.put(DocumentKind.PARTNER, partner_id, partner_body(), None, NOW)

    def start(self, letters: ReplayFilter = ACME, rate: float = 2, caller: Caller = ADMIN, **changes: Any) -> str:
        order = ReplayOrder(letters, rate, **changes)
        plan = self.starting(order, caller)
        assert plan.replay_id is not None
        return plan.replay_id

    def advance(self, seconds: float = 1) -> int:
        self.clock.advance(seconds)
        return AdvanceReplays(self.replays, self.leases, self.hints, self.clock)()

    @property
    def starting(self) -> StartReplay:
        return StartReplay(self.documents, self.replays, self.replays, self.audit, self.clock)

    @property
    def steering(self) -> SteerReplays:
        return SteerReplays(self.replays, self.audit, self.clock)

    def bury(self, number: int, error_class: PrefillReason = PrefillReason.TIMEOUT, **changes: Any) -> list[str]:
        new = [new_session(**changes) for _ in range(number)]
        self.sessions.add(new, NOW)
        now = self.clock.now()
        verified = self.sessions.claim(Claim(Stage.VERIFY, number, now, now + LEASE))
        calls = [move(one, Stage.FETCH, due_at=now, request=request(bearer_expires_at=None)) for one in verified]
        self.sessions.finish(calls, now)
        self.fail(number, error_class)
        return [one.id for one in new]

    def fail(self, number: int, error_class: PrefillReason = PrefillReason.TIMEOUT) -> list[str]:
        now = self.clock.now()
        claimed = self.sessions.claim(Claim(Stage.FETCH, number, now, now + LEASE))
        self.sessions.finish([move(one, Stage.DEAD, error_class=error_class) for one in claimed], now)
        return [one.id for one in claimed]

    def stages(self, ids: list[str]) -> list[Stage]:
        return [self.sessions.rows[id_].stage for id_ in ids]


@pytest.fixture
def world() -> World:
    return World()


def test_dry_run_counts_and_leaves_nothing_behind(world: World) -> None:
    world.bury(3)
    world.bury(2, PrefillReason.CONTRACT)
    world.bury(1, expires_at=NOW)
    order = ReplayOrder(ACME, 20, dry_run=True)

    plan = world.starting(order, ADMIN)

    counts = plan.counts
    assert (plan.replay_id, counts.matched, counts.skipped) == (None, 6, 3)
    assert counts.by_error_class == {PrefillReason.TIMEOUT: 4, PrefillReason.CONTRACT: 2}
    assert counts.by_skip_reason == {SkipReason.FINAL_CLASS: 2, SkipReason.SESSION_EXPIRED: 1}
    assert (world.replays.rows, world.audit.entries) == ({}, [])


def test_replay_goes_at_its_rate_in_order_and_ends(world: World) -> None:
    ids = world.bury(5)
    replay_id = world.start(rate=2)

    released = [world.advance(0), world.advance(), world.advance(), world.advance(), world.advance()]

    assert released == [0, 2, 2, 1, 0]
    assert world.stages(ids) == [Stage.FETCH] * 5
    assert world.replays.rows[replay_id].state is ReplayState.DONE
    assert world.hints.rung == [(Work.FETCH, 2), (Work.FETCH, 2), (Work.FETCH, 1)]


def test_replayed_session_starts_anew_as_the_least_urgent(world: World) -> None:
    [id_] = world.bury(1)
    world.sessions.rows[id_].attempts = world.sessions.rows[id_].crash_count = 2
    replay_id = world.start()

    world.advance()

    row = world.sessions.rows[id_]
    assert (row.stage, row.priority, row.due_at) == (Stage.FETCH, Priority.REPLAY, world.clock.now())
    assert (row.attempts, row.crash_count, row.request) == (0, 0, request(bearer_expires_at=None))
    assert (row.replay_id, row.replayed_at) == (replay_id, world.clock.now())


def test_replay_does_not_take_up_again_what_failed_again(world: World) -> None:
    ids = world.bury(4)
    replay_id = world.start(rate=2)

    world.advance()
    failed = world.fail(9)
    released = [world.advance() for _ in range(3)]

    assert sorted(failed) == ids[:2]
    assert released == [2, 0, 0]
    assert world.stages(ids) == [Stage.DEAD] * 2 + [Stage.FETCH] * 2
    progress = world.steering.find(replay_id, ADMIN)
    assert (progress.waiting, progress.done, progress.dead) == (2, 0, 2)


def test_replay_leaves_what_died_after_its_start(world: World) -> None:
    world.bury(1)
    world.start()
    world.clock.advance(0.1)
    late = world.bury(2)

    released = [world.advance() for _ in range(3)]

    assert sum(released) == 1
    assert world.stages(late) == [Stage.DEAD] * 2


def test_replay_passes_over_what_cannot_be_tried(world: World) -> None:
    final = world.bury(2, PrefillReason.HTTP_4XX)
    good = world.bury(1)
    replay_id = world.start()

    released = [world.advance(), world.advance()]

    found = world.replays.rows[replay_id]
    assert released == [1, 0]
    assert world.stages([*final, *good]) == [Stage.DEAD, Stage.DEAD, Stage.FETCH]
    assert (found.moved, found.skipped, found.state) == (1, 2, ReplayState.DONE)


def test_replay_goes_on_behind_more_than_one_look_can_pass_over_and_owes_no_time_for_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "_LOOK_AHEAD", 1)
    world.bury(4, PrefillReason.CONTRACT)
    [last] = world.bury(1)
    replay_id = world.start(rate=1)

    released = [world.advance(seconds) for seconds in (1, 0.6, 0.6)]

    found = world.replays.rows[replay_id]
    assert (released, world.stages([last])) == ([0, 0, 1], [Stage.FETCH])
    assert (found.state, found.moved, found.skipped) == (ReplayState.DONE, 1, 4)


def test_forced_replay_brings_what_a_participant_can_no_longer_read(world: World) -> None:
    [id_] = world.bury(1, PrefillReason.CONTRACT, expires_at=NOW)
    world.start(force=True)

    world.advance()

    assert world.stages([id_]) == [Stage.FETCH]


def test_advance_of_two_processes_at_once_is_that_of_one(world: World) -> None:
    world.bury(9)
    world.start(rate=2)

    released = [world.advance(), world.advance(0.1), world.advance(0.9)]

    assert released == [2, 0, 2]


def test_advance_without_a_lease_still_takes_up_each_once(world: World) -> None:
    ids = world.bury(4)
    world.start(rate=2)
    stale = _Stale(world.sessions, world.replays.rows, list(world.replays.load_running()))
    other = AdvanceReplays(stale, MemoryLeases(), world.hints, world.clock)
    world.clock.advance(1)

    released = [AdvanceReplays(world.replays, MemoryLeases(), world.hints, world.clock)(), other()]

    assert released == [2, 0]
    assert world.stages(ids) == [Stage.FETCH] * 2 + [Stage.DEAD] * 2


def test_pause_holds_and_resume_goes_on_where_it_was(world: World) -> None:
    ids = world.bury(4)
    replay_id = world.start(rate=1)
    world.advance()

    world.steering.steer(replay_id, ReplayCommand.PAUSE, ADMIN)
    paused = world.advance(60)
    world.steering.steer(replay_id, ReplayCommand.RESUME, ADMIN)
    resumed = [world.advance() for _ in range(5)]

    assert (paused, resumed) == (0, [1, 1, 1, 0, 0])
    assert world.stages(ids) == [Stage.FETCH] * 4


def test_cancelled_replay_leaves_the_rest_dead_and_cannot_go_on(world: World) -> None:
    ids = world.bury(3)
    replay_id = world.start(rate=1)
    world.advance()

    world.steering.steer(replay_id, ReplayCommand.CANCEL, ADMIN)
    released = world.advance()

    assert released == 0
    assert world.stages(ids) == [Stage.FETCH, Stage.DEAD, Stage.DEAD]
    with pytest.raises(ReplayOver):
        world.steering.steer(replay_id, ReplayCommand.RESUME, ADMIN)


def test_replay_of_a_partner_that_has_one_is_refused(world: World) -> None:
    world.bury(3)
    first = world.start()

    with pytest.raises(ReplayActive):
        world.start(ReplayFilter(campaign_id="945645"))

    world.steering.steer(first, ReplayCommand.CANCEL, ADMIN)
    assert world.start(ReplayFilter(campaign_id="945645")) != first


def test_replay_by_campaign_is_of_the_one_partner_that_its_set_has(world: World) -> None:
    world.bury(1)
    world.bury(1, partner_id="globex", campaign_id="other")

    both = world.start(ReplayFilter(since=NOW))
    world.steering.steer(both, ReplayCommand.CANCEL, ADMIN)
    one = world.start(ReplayFilter(campaign_id="other"))

    assert [world.replays.rows[id_].partner_id for id_ in (both, one)] == ["", "globex"]


def test_replay_of_nothing_is_done_at_once_and_bars_none(world: World) -> None:
    replay_id = world.start()

    assert world.replays.rows[replay_id].state is ReplayState.DONE
    assert world.start() != replay_id


@pytest.mark.parametrize("partner_id", ["acne", "no id", "\0"])
@pytest.mark.parametrize("dry_run", [True, False], ids=["dry-run", "in-earnest"])
def test_replay_of_a_partner_that_is_not_there_is_refused(world: World, partner_id: str, dry_run: bool) -> None:
    order = ReplayOrder(ReplayFilter(partner_id=partner_id), 20, dry_run=dry_run)

    with pytest.raises(PartnerUnknown):
        world.starting(order, ADMIN)

    assert (world.replays.rows, world.audit.entries) == ({}, [])


@pytest.mark.parametrize("campaign_id", ["945646", "no id", "\0"])
@pytest.mark.parametrize("dry_run", [True, False], ids=["dry-run", "in-earnest"])
def test_replay_of_a_campaign_that_is_not_there_is_refused(world: World, campaign_id: str, dry_run: bool) -> None:
    world.bury(1)
    order = ReplayOrder(ReplayFilter(campaign_id=campaign_id), 20, dry_run=dry_run)

    with pytest.raises(CampaignUnknown):
        world.starting(order, ADMIN)

    assert (world.replays.rows, world.audit.entries) == ({}, [])


def test_replay_of_a_campaign_that_has_no_dead_letters_is_done_at_once(world: World) -> None:
    world.documents.put(DocumentKind.CAMPAIGN, "945646", campaign_body(partner_id="globex"), None, NOW)
    letters = ReplayFilter(campaign_id="945646")

    assert world.replays.rows[world.start(letters)].state is ReplayState.DONE
    with pytest.raises(CampaignUnknown):
        world.start(letters, caller=BOUND)


def test_dead_letters_of_a_campaign_that_was_deleted_are_replayed(world: World) -> None:
    world.bury(1)  # there is no document of their campaign

    assert world.replays.rows[world.start(ReplayFilter(campaign_id="945645"))].matched == 1


def test_every_change_of_a_replay_is_audited(world: World) -> None:
    world.bury(2)
    replay_id = world.start(rate=2, force=True)
    for command in (ReplayCommand.PAUSE, ReplayCommand.PAUSE, ReplayCommand.RESUME, ReplayCommand.CANCEL):
        world.steering.steer(replay_id, command, BOUND)

    detail = {"matched": 2, "rate_per_second": 2, "force": True}
    assert world.audit.entries == [
        AuditEntry(NOW, "admin", "replay.started", replay_id, detail, "acme"),
        AuditEntry(NOW, "acme-client", "replay.paused", replay_id, partner_id="acme"),
        AuditEntry(NOW, "acme-client", "replay.resumed", replay_id, partner_id="acme"),
        AuditEntry(NOW, "acme-client", "replay.cancelled", replay_id, partner_id="acme"),
    ]


def test_bound_client_replays_its_own_partner_alone(world: World) -> None:
    mine, others = world.bury(1), world.bury(1, partner_id="globex")
    replay_id = world.start(ReplayFilter(campaign_id="945645"), caller=BOUND)

    world.advance()

    assert world.stages([*mine, *others]) == [Stage.FETCH, Stage.DEAD]
    assert world.steering.find(replay_id, BOUND).waiting == 1


def test_bound_client_knows_of_no_other_partner(world: World) -> None:
    [other] = world.bury(1, partner_id="globex")
    listing = ListDeadLetters(world.replays, world.clock)
    replay_id = world.start(ReplayFilter(partner_id="globex"))

    with pytest.raises(PartnerUnknown):
        world.start(ReplayFilter(partner_id="globex"), caller=BOUND)
    with pytest.raises(PartnerUnknown):
        listing(LetterFilter(partner_id="globex"), BOUND, "", 10)
    with pytest.raises(ReplayUnknown):
        world.steering.steer(replay_id, ReplayCommand.PAUSE, BOUND)
    with pytest.raises(SessionUnknown):
        ReadDeadLetter(world.replays, world.audit, world.clock)(other, BOUND)
    with pytest.raises(SessionUnknown):
        TellTimeline(world.replays)(other, BOUND)
    assert listing(LetterFilter(), BOUND, "", 10).letters == []


def test_list_says_why_a_dead_letter_would_be_passed_over(world: World) -> None:
    world.bury(1)
    world.bury(1, PrefillReason.AUTH)

    first = ListDeadLetters(world.replays, world.clock)(LetterFilter(), ADMIN, "", 1)
    second = ListDeadLetters(world.replays, world.clock)(LetterFilter(), ADMIN, first.after or "", 1)

    assert [listed.skip_reason for listed in (*first.letters, *second.letters)] == [None, SkipReason.FINAL_CLASS]
    assert second.after is None


def test_management_reads_what_a_replay_brought_and_that_is_audited(world: World) -> None:
    [id_] = world.bury(1, expires_at=NOW)
    world.start(force=True)
    world.advance()
    now = world.clock.now()
    claimed = world.sessions.claim(Claim(Stage.FETCH, 1, now, now + LEASE))
    world.sessions.finish([move(one) for one in claimed], now)

    read = ReadDeadLetter(world.replays, world.audit, world.clock)(id_, ADMIN)

    assert (read["stage"], read["prefill"]) == (
        Stage.DONE,
        {
            "status": PrefillStatus.READY,
            "source": "token",
            "reason": None,
            "form": dict(outcome().prefill.form),
            "optin": dict(outcome().prefill.optin),
            "warnings": [],
        },
    )
    assert world.audit.entries[-1] == AuditEntry(now, "admin", "prefill.read", id_, partner_id="acme")


@dataclass(slots=True)
class _Stale(MemoryReplays):
    """Replays as a process sees them that read before another one advanced."""

    seen: list[Replay] = field(default_factory=list)

    def load_running(self) -> list[Replay]:
        return self.seen
