"""Key sets that no partner names any more are refreshed no more."""

from datetime import timedelta

from app.steps.retire_keysets import RetireKeysets
from tests.builders import NOW, SOURCE, keyset
from tests.fakes import FixedClock, MemoryKeysets

USED = "https://used.example/jwks.json"


def test_retire_leaves_alone_what_is_used_and_what_was_just_tried() -> None:
    fresh = "https://fresh.example/jwks.json"
    tried = {SOURCE: NOW - timedelta(hours=2), USED: NOW - timedelta(hours=2), fresh: NOW - timedelta(minutes=59)}
    rows = {source: keyset(source=source, attempted_at=at) for source, at in tried.items()}
    keysets = MemoryKeysets(rows=rows, users={USED: frozenset({"acme"})})

    retired = RetireKeysets(keysets, FixedClock())()

    assert retired == 1
    assert {source for source, row in keysets.rows.items() if row.refresh_at is None} == {SOURCE}
