from datetime import timedelta

from app.domain.audit import AuditFilter
from app.domain.play import Play, Played
from app.domain.session import Stage
from app.management_ports import AuditEntry, InstallationSecret
from app.ports import Attempt, Claim, ParticipantKey, Work
from tests.adapters.stores import Stores
from tests.builders import NOW, SOURCE, move, new_session

DAY = timedelta(days=1)
LEASE = timedelta(seconds=30)


def settle(stores: Stores, stage: Stage, number: int = 1) -> list[str]:
    sessions = [new_session() for _ in range(number)]
    stores.intake.add(sessions, NOW)
    claimed = stores.queue.claim(Claim(Stage.VERIFY, number, NOW, NOW + LEASE))
    attempts = [Attempt(one.id, "acme", 1, NOW, LEASE) for one in claimed]
    stores.queue.finish([move(one, stage) for one in claimed], NOW, attempts)
    return [session.id for session in sessions]


def test_purge_deletes_expired_sessions_in_chunks_with_their_attempts(stores: Stores) -> None:
    ids = settle(stores, Stage.DONE, 5)
    later = NOW + DAY + LEASE

    before = stores.housekeeping.purge(NOW + DAY - LEASE, 3)
    first = stores.housekeeping.purge(later, 3)
    second = stores.housekeeping.purge(later, 3)

    assert [(purged["sessions"], purged["attempts"]) for purged in (before, first, second)] == [(0, 0), (3, 3), (2, 2)]
    assert stores.reads.load(ids) == {}


def test_purge_keeps_dead_letters_longer(stores: Stores) -> None:
    [id_] = settle(stores, Stage.DEAD)

    kept = stores.housekeeping.purge(NOW + 7 * DAY, 10)
    gone = stores.housekeeping.purge(NOW + 8 * DAY + LEASE, 10)

    assert (kept["sessions"], gone["sessions"]) == (0, 1)
    assert stores.reads.load([id_]) == {}


def test_purge_keeps_what_still_waits_for_its_work(stores: Stores) -> None:
    session = new_session()
    stores.intake.add([session], NOW)

    purged = stores.housekeeping.purge(NOW + 100 * DAY, 10)

    assert purged["sessions"] == 0
    assert session.id in stores.reads.load([session.id])


def test_purge_forgets_repeats_after_ten_minutes(stores: Stores) -> None:
    stores.intake.add([new_session(repeat_digest="digest")], NOW)

    kept = stores.housekeeping.purge(NOW + timedelta(minutes=9), 10)
    gone = stores.housekeeping.purge(NOW + timedelta(minutes=10), 10)

    assert (kept["repeats"], gone["repeats"]) == (0, 1)


def test_count_due_counts_what_nobody_works_on(stores: Stores) -> None:
    stores.intake.add([new_session() for _ in range(3)], NOW)
    stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    stores.keysets.ask({SOURCE: frozenset()}, NOW)

    counted = stores.housekeeping.count_due(NOW)

    assert counted == {Work.VERIFY: 2, Work.FETCH: 0, Work.REFRESH: 1}


def test_lease_is_taken_by_one_until_it_runs_out(stores: Stores) -> None:
    first = stores.leases.take("purge", NOW, NOW + LEASE)
    second = stores.leases.take("purge", NOW + LEASE / 2, NOW + 2 * LEASE)
    other = stores.leases.take("refresh", NOW, NOW + LEASE)
    third = stores.leases.take("purge", NOW + LEASE, NOW + 2 * LEASE)

    assert (first, second, other, third) == (True, False, True, True)


def test_secrets_are_added_once_and_loaded_newest_first(stores: Stores) -> None:
    old = InstallationSecret("signing", "1", b"old", NOW, retired_at=NOW + DAY)
    new = InstallationSecret("signing", "2", b"new", NOW + DAY)

    added = [stores.secrets.add(old), stores.secrets.add(new)]
    again = stores.secrets.add(InstallationSecret("signing", "1", b"other", NOW + 2 * DAY))

    assert (added, again) == ([True, True], False)
    assert stores.secrets.load("signing") == [new, old]
    assert list(stores.secrets.load("digest")) == []


def test_purge_deletes_outside_calls_and_changes_that_are_too_old(stores: Stores) -> None:
    stores.audit.add(AuditEntry(NOW, "admin", "partner.created", "acme"))
    session = new_session(expires_at=NOW + 500 * DAY)
    stores.intake.add([session], NOW)
    stores.queue.finish([], NOW, [Attempt(session.id, "acme", 1, NOW, LEASE)])

    kept = stores.housekeeping.purge(NOW + 90 * DAY, 10)
    calls = stores.housekeeping.purge(NOW + 91 * DAY, 10)
    changes = stores.housekeeping.purge(NOW + 401 * DAY, 10)

    purged = [(one["old_attempts"], one["audit_log"]) for one in (kept, calls, changes)]
    assert purged == [(0, 0), (1, 0), (0, 1)]
    assert stores.audit_reads.load_page(AuditFilter(), None, 10) == []


def test_purge_forgets_participations_where_that_is_wished(stores: Stores) -> None:
    for number in range(3):
        play = Play(f"par_{number}", f"ses_{number}", "945645", "acme", "ada", NOW + number * DAY)
        assert isinstance(stores.ledger.record(play), Played)

    purged = stores.housekeeping.purge(NOW + 102 * DAY - LEASE, 10)

    key = ParticipantKey("945645", "acme", "ada")
    assert purged["participations"] == 2
    assert stores.ledger.count(frozenset({key})) == {key: 1}
