"""What only the SQL stores promise: that rows are shared by nobody, that secrets are sealed, that history is kept."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select, text, update

from app.adapters.database.engine import Database, open_database
from app.adapters.database.schema import (
    AttemptRow,
    AuditRow,
    Base,
    KeysetEventRow,
    ParticipationRow,
    SessionRow,
    UsedTokenRow,
)
from app.adapters.sealing import AesSealing, KeyRing
from app.domain.session import Priority, Stage, is_poison
from app.errors import SealBroken
from app.management_ports import AuditEntry, DocumentKind, InstallationSecret
from app.ports import Attempt, Claim, ParticipantKey
from app.reasons import PrefillReason
from tests.adapters.stores import MASTER_KEY, sql_stores
from tests.builders import NOW, SOURCE, jwk, keyset, move, new_session, outcome, request

LEASE = timedelta(seconds=30)
CANARY = "canary-7f3a"


def test_claims_of_many_connections_share_no_row(database_url: str) -> None:
    workers = [open_database(database_url, f"worker-{n}") for n in range(4)]
    sql_stores(workers[0]).intake.add([new_session() for _ in range(200)], NOW)

    def claim_all(database: Database) -> list[str]:
        queue, claimed = sql_stores(database).queue, []
        while batch := queue.claim(Claim(Stage.VERIFY, 7, NOW, NOW + LEASE)):
            claimed += [session.id for session in batch]
        return claimed

    with ThreadPoolExecutor(len(workers)) as threads:
        shares = list(threads.map(claim_all, workers))

    assert sum(map(len, shares)) == len(set().union(*shares)) == 200
    for worker in workers:
        worker.dispose()


def test_repeats_of_many_connections_make_one_session(database_url: str) -> None:
    workers = [open_database(database_url, f"web-{n}") for n in range(4)]
    digests = [f"digest-{n}" for n in range(20)]

    def add_all(number: int) -> list[str]:
        order = digests if number % 2 else digests[::-1]
        taken = sql_stores(workers[number]).intake.add([new_session(repeat_digest=digest) for digest in order], NOW)
        return sorted(answer.id for answer in taken)

    with ThreadPoolExecutor(len(workers)) as threads:
        answers = list(threads.map(add_all, range(4)))

    assert all(answer == answers[0] for answer in answers)
    assert len(workers[0].read(lambda connection: connection.scalars(select(SessionRow.id)).all())) == 20
    for worker in workers:
        worker.dispose()


def test_finish_and_renew_at_once_do_not_lock_each_other_out(database: Database) -> None:
    stores = sql_stores(database)
    stores.intake.add([new_session() for _ in range(100)], NOW)
    claimed = stores.queue.claim(Claim(Stage.VERIFY, 100, NOW, NOW + LEASE))
    leases = {session.id: session.lease_token for session in reversed(claimed)}

    with ThreadPoolExecutor(2) as threads:
        renewals = [threads.submit(stores.queue.renew, leases, NOW + 2 * LEASE) for _ in range(20)]
        moved = [stores.queue.finish([move(session)], NOW) for session in claimed]
        for renewal in renewals:
            renewal.result()

    assert all(moved)


def test_rows_hold_nothing_of_a_person_in_plain_text(database: Database) -> None:
    stores = sql_stores(database)
    stores.intake.add([new_session(token=f"{CANARY}.{CANARY}.{CANARY}"), new_session(token=CANARY)], NOW)
    claimed, _ = stores.queue.claim(Claim(Stage.VERIFY, 2, NOW, NOW + LEASE))
    secretive = move(
        claimed,
        Stage.FETCH,
        due_at=NOW,
        request=request(sub=CANARY, bearer=CANARY),
        outcome=outcome(custom={CANARY: CANARY}),
    )
    stores.queue.finish([secretive], NOW)
    stores.secrets.add(InstallationSecret("digest", "1", CANARY.encode(), NOW))
    stores.documents.put(DocumentKind.PARTNER, "acme", {"name": "ACME", "secret": CANARY}, None, NOW)

    everything = database.read(_dump)

    assert claimed.id in everything
    assert CANARY not in everything
    assert CANARY.encode().hex() not in everything


def test_wrong_master_key_breaks_the_seal(database: Database) -> None:
    session = new_session(token=None, stage=Stage.DONE, outcome=outcome())
    sql_stores(database).intake.add([new_session(), session], NOW)
    other = sql_stores(database, AesSealing(KeyRing.of((b"x" * 32,))))

    with pytest.raises(SealBroken):
        other.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    with pytest.raises(SealBroken):
        other.reads.load([session.id])


def test_row_that_does_not_open_harms_none_but_itself_and_is_ended(database: Database) -> None:
    stores = sql_stores(database)
    broken, mate = new_session(), new_session()
    stores.intake.add([broken, mate], NOW)
    spoil = update(SessionRow).where(SessionRow.id == broken.id).values(token=b"spoiled")
    database.write(lambda connection: connection.execute(spoil))

    in_company = stores.queue.claim(Claim(Stage.VERIFY, 2, NOW, NOW + LEASE))
    stores.queue.finish([move(session) for session in in_company], NOW)
    with pytest.raises(SealBroken):
        stores.queue.claim(Claim(Stage.VERIFY, 2, NOW + 2 * LEASE, NOW + 3 * LEASE))
    with pytest.raises(SealBroken):
        stores.queue.claim(Claim(Stage.VERIFY, 2, NOW + 4 * LEASE, NOW + 5 * LEASE, alone=True))
    [ended] = stores.queue.claim(Claim(Stage.VERIFY, 2, NOW + 6 * LEASE, NOW + 7 * LEASE, alone=True))

    assert [session.id for session in in_company] == [mate.id]
    assert (ended.id, ended.token, is_poison(ended)) == (broken.id, None, True)


def test_claim_under_a_rotated_ring_opens_what_the_old_key_sealed(database: Database) -> None:
    session = new_session()
    sql_stores(database).intake.add([session], NOW)
    rotated = sql_stores(database, AesSealing(KeyRing.of((b"x" * 32, MASTER_KEY))))

    [claimed] = rotated.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))

    assert claimed.token == session.token


def test_finish_records_attempts_even_of_a_zombie(database: Database) -> None:
    stores = sql_stores(database)
    session = new_session()
    stores.intake.add([session], NOW)
    [zombie] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    stores.queue.claim(Claim(Stage.VERIFY, 1, NOW + 2 * LEASE, NOW + 3 * LEASE))
    attempt = Attempt(session.id, "acme", 1, NOW, timedelta(seconds=1.5), PrefillReason.HTTP_5XX, 503)

    moved = stores.queue.finish([move(zombie)], NOW, [attempt])

    assert moved == frozenset()
    columns = (AttemptRow.session_id, AttemptRow.number, AttemptRow.duration_micros, AttemptRow.error_class)
    rows = database.read(lambda connection: connection.execute(select(*columns, AttemptRow.started_at)).all())
    assert [tuple(row) for row in rows] == [(session.id, 1, 1_500_000, "http_5xx", NOW)]


def test_finish_repeats_for_counting_what_the_sealed_result_says(database: Database) -> None:
    stores = sql_stores(database)
    stores.intake.add([new_session()], NOW)
    [claimed] = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    done = move(claimed, key_thumbprint="thumbprint", keyset_version=3, participant_digest="digest")

    stores.queue.finish([done], NOW + LEASE)

    columns = (SessionRow.token_status, SessionRow.key_thumbprint, SessionRow.keyset_version, SessionRow.settled_at)
    row = database.read(lambda connection: connection.execute(select(*columns, SessionRow.verified_at)).one())
    assert tuple(row) == ("accepted", "thumbprint", 3, NOW + LEASE, NOW + LEASE)


def test_claim_of_a_retry_passes_over_later_ones_by_index(database: Database) -> None:
    stores = sql_stores(database)
    stores.intake.add([new_session() for _ in range(50)], NOW)
    claimed = stores.queue.claim(Claim(Stage.VERIFY, 50, NOW, NOW + LEASE))
    later = [move(one, Stage.FETCH, due_at=NOW + 9 * LEASE, priority=Priority.RETRY) for one in claimed[1:]]
    stores.queue.finish([*later, move(claimed[0], Stage.FETCH, due_at=NOW, priority=Priority.REPLAY)], NOW)

    due = stores.queue.claim(Claim(Stage.FETCH, 50, NOW, NOW + LEASE))

    assert [session.id for session in due] == [claimed[0].id]


def test_claim_alone_does_not_wait_for_the_disk(migrated_postgres_url: str) -> None:
    database = open_database(migrated_postgres_url, "test", pool_size=1)
    told = """
        CREATE TABLE told (number serial, stands text);
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO told (stands) VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
        CREATE TRIGGER tell AFTER INSERT OR UPDATE ON sessions EXECUTE FUNCTION tell()"""
    database.write(lambda connection: connection.exec_driver_sql(told))
    stores = sql_stores(database)

    stores.intake.add([new_session()], NOW)
    (claimed,) = stores.queue.claim(Claim(Stage.VERIFY, 1, NOW, NOW + LEASE))
    stores.queue.finish([move(claimed, Stage.DONE)], NOW)

    order = "SELECT stands FROM told ORDER BY number"
    assert database.read(lambda connection: connection.exec_driver_sql(order).scalars().all()) == ["on", "off", "on"]
    database.dispose()


def test_save_of_a_keyset_writes_the_history_of_its_keys(database: Database) -> None:
    stores = sql_stores(database)
    sets = [(jwk("a"), jwk("b")), (jwk("a"),), (jwk("a", x="other"), jwk("b"))]

    for version, keys in enumerate(sets, start=1):
        stores.keysets.ask({SOURCE: frozenset()}, NOW)
        database.write(lambda connection: connection.execute(text("UPDATE keysets SET lease_token = 'mine'")))
        assert stores.keyset_queue.save(keyset(keys=keys, version=version), "mine", NOW)

    columns = (KeysetEventRow.version, KeysetEventRow.event, KeysetEventRow.kid)
    ordered = select(*columns).order_by(KeysetEventRow.id)
    rows = database.read(lambda connection: connection.execute(ordered).all())
    assert [tuple(row) for row in rows] == [
        (1, "added", "a"),
        (1, "added", "b"),
        (2, "removed", "b"),
        (3, "changed", "a"),
        (3, "returned", "b"),
    ]


def test_ledger_counts_participations_and_finds_uses(database: Database) -> None:
    mine, other = ParticipantKey("945645", "acme", "digest-1"), ParticipantKey("945645", "globex", "digest-1")
    database.write(_play)

    ledger = sql_stores(database).ledger

    assert ledger.count(frozenset({mine, other})) == {mine: 2}
    assert ledger.count(frozenset()) == {}
    used, unused = ("acme", "jti-1"), ("globex", "jti-1")
    assert ledger.find_uses(frozenset({used, unused})) == {used: "ses_1"}
    assert ledger.find_uses(frozenset()) == {}


def test_audit_log_keeps_each_entry(database: Database) -> None:
    entry = AuditEntry(NOW, "admin", "partner.put", "acme", {"version": 2})

    for _ in range(2):
        sql_stores(database).audit.add(entry)

    rows = database.read(lambda c: c.execute(select(AuditRow.at, AuditRow.actor, AuditRow.detail)).all())
    assert [tuple(row) for row in rows] == [(NOW, "admin", {"version": 2})] * 2


def _dump(connection: Connection) -> str:
    rows = [
        value.hex() if isinstance(value, bytes) else str(value)
        for table in Base.metadata.sorted_tables
        for row in connection.execute(select(table))
        for value in row
    ]
    return "\n".join(rows)


def _play(connection: Connection) -> None:
    participation = {
        "campaign_id": "945645",
        "partner_id": "acme",
        "participant_digest": "digest-1",
        "session_id": "ses_1",
        "created_at": NOW,
    }
    played = [{**participation, "id": f"par_{n}", "ordinal": n} for n in (1, 2)]
    connection.execute(insert(ParticipationRow), played)
    use = {"partner_id": "acme", "jti_digest": "jti-1", "session_id": "ses_1", "expires_at": NOW + LEASE}
    connection.execute(insert(UsedTokenRow), [use])
