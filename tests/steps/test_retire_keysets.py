"""Key sets that no partner names any more are refreshed no more, and those that one names again are."""

from datetime import timedelta

from app.domain.keyset import KeysetMode
from app.steps.retire_keysets import RetireKeysets
from tests.builders import NOW, SOURCE, keyset
from tests.fakes import FixedClock, MemoryKeysets

USED = "https://used.example/jwks.json"
NAMED_AGAIN = "https://again.example/jwks.json"
PINNED = "https://pinned.example/jwks.json"


def test_retire_leaves_alone_what_is_used_and_revives_what_is_named_again() -> None:
    later = NOW + timedelta(minutes=40)
    rows = [
        keyset(source=SOURCE, refresh_at=later, attempted_at=NOW),
        keyset(source=USED, refresh_at=later),
        keyset(source=NAMED_AGAIN, refresh_at=None),
        keyset(source=PINNED, refresh_at=None, mode=KeysetMode.PINNED),
    ]
    users = dict.fromkeys((USED, NAMED_AGAIN, PINNED), frozenset({"acme"}))
    keysets = MemoryKeysets(rows={row.source: row for row in rows}, users=users)

    retired = RetireKeysets(keysets, FixedClock())()

    assert retired == 1
    assert {source: row.refresh_at for source, row in keysets.rows.items()} == {
        SOURCE: None,
        USED: later,
        NAMED_AGAIN: NOW,
        PINNED: None,
    }
