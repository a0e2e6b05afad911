"""The figures of key sets on the management port: by source, without a key or a kid."""

from datetime import timedelta

from app.domain.keyset import DroppedKey, Keyset
from app.domain.keyset_history import thumbprint_of
from app.web.keyset_gauges import KeysetGauges
from tests.builders import NOW, SOURCE, jwk, keyset
from tests.fakes import FixedClock, MemoryKeysets


def test_gauges_show_each_source_whole() -> None:
    keysets = MemoryKeysets(fetches={SOURCE: {"changed": 2, "timeout": 3}})
    dropped = (DroppedKey("weak", "key_too_small"), DroppedKey("thin", "key_too_small"))
    revoked = frozenset({thumbprint_of(jwk("gone"))})
    keysets.rows[SOURCE] = keyset(keys=(jwk(), jwk("gone")), dropped=dropped, revoked=revoked, failures=1)
    clock = FixedClock(NOW + timedelta(minutes=90))

    lines = KeysetGauges(keysets, clock).render().decode().splitlines()

    named = f'source="{SOURCE}"'
    assert [line for line in lines if not line.startswith("#")] == [
        f'vestibule_keyset_fetches_total{{outcome="changed",{named}}} 2.0',
        f'vestibule_keyset_fetches_total{{outcome="timeout",{named}}} 3.0',
        f'vestibule_keyset_state{{{named},state="stale"}} 1.0',
        f"vestibule_keyset_served{{{named}}} 1.0",
        f"vestibule_keyset_keys{{{named}}} 1.0",
        f'vestibule_keyset_dropped_keys{{reason="key_revoked",{named}}} 1.0',
        f'vestibule_keyset_dropped_keys{{reason="key_too_small",{named}}} 2.0',
        f"vestibule_keyset_parked_sessions{{{named}}} 0.0",
        f"vestibule_keyset_age_seconds{{{named}}} 5400.0",
        f"vestibule_keyset_seconds_to_stale{{{named}}} -1800.0",
        f"vestibule_keyset_seconds_to_expiry{{{named}}} 81000.0",
        f"vestibule_keyset_failures{{{named}}} 1.0",
    ]


def test_gauges_of_a_source_never_fetched_have_no_times() -> None:
    keysets = MemoryKeysets(rows={SOURCE: Keyset(SOURCE)})

    text = KeysetGauges(keysets, FixedClock()).render().decode()

    assert f'vestibule_keyset_state{{source="{SOURCE}",state="empty"}} 1.0' in text
    assert "age_seconds{" not in text
