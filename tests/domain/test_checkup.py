"""A check-up: a row is what was found, and how it is judged."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.campaign import Campaign, Mode, Screen
from app.domain.checkup import Check, CheckStatus, checkup_view, doubtful, failed, verdict, well
from app.domain.checkup_endpoints import (
    PublishedKey,
    PublishedKeys,
    Reached,
    check_api_answer,
    check_api_failure,
    check_keys_answer,
    check_keys_failure,
)
from app.domain.checkup_list import check_cached_keys, check_campaigns, check_partner
from app.domain.keyset import DroppedKey, Keyset
from app.domain.partner import (
    Authorization,
    AuthorizationSource,
    EncryptionConfig,
    EncryptionMethod,
    KeyMaterial,
    Partner,
    PrefillConfig,
    SignatureConfig,
    SignatureMethod,
)
from app.domain.prefill import Prefill, PrefillStatus
from app.errors import OutsideError
from app.reasons import ParticipationReason, PrefillReason
from tests.builders import NOW, campaign, keyset

OK, WARN, FAIL = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PREFILL = PrefillConfig(
    "https://api.acme.example/{sub}",
    "GET",
    Authorization(AuthorizationSource.CLAIM, "access_token"),
    timedelta(seconds=5),
    50,
    form_mapping={"firstname": "a", "lastname": "b"},
)
ACME = Partner(
    "acme",
    1,
    "ACME",
    SignatureConfig(SignatureMethod.JWKS, frozenset({"RS256"}), jwks_url="https://acme.example/jwks.json"),
    EncryptionConfig(EncryptionMethod.KEY_PAIR, required=True),
    "acme",
    prefill=PREFILL,
)
GOOD = Reached(200, timedelta(milliseconds=20), NOW, NOW + timedelta(days=60), HOUR, has_validator=True)
KEYS = PublishedKeys((PublishedKey("k1", ("RS256",)),))
READY = Prefill(PrefillStatus.READY, form={"firstname": "secret-a", "lastname": "secret-b"})
SCREENS = {"en": {reason: Screen("T", "M", "https://acme.example/") for reason in ParticipationReason}}
SPRING = campaign(allowed_origins=("https://www.acme.example",), screens=SCREENS)


def _pinned(*ends: datetime | None) -> SignatureConfig:
    keys = tuple(KeyMaterial(not_after=end) for end in ends)
    return SignatureConfig(SignatureMethod.PUBLIC_KEY, frozenset({"RS256"}), keys)


def found(checks: Iterable[Check], *, worse_than_ok: bool = True) -> dict[str, CheckStatus]:
    return {check.name: check.status for check in checks if check.status is not OK or not worse_than_ok}


def test_sound_key_set_is_well_in_every_check() -> None:
    checks = list(check_keys_answer(GOOD, KEYS, ACME, NOW))

    assert [(check.name, check.status) for check in checks] == [
        ("jwks_reachable", OK),
        ("jwks_certificate", OK),
        ("jwks_clock", OK),
        ("jwks_caching", OK),
        ("jwks_keys", OK),
        ("jwks_algorithms", OK),
    ]
    assert all(check.hint == "" for check in checks)


@pytest.mark.parametrize(
    ("reached", "keys", "name", "status"),
    [
        pytest.param({"certificate_ends_at": NOW + timedelta(days=20)}, KEYS, "jwks_certificate", WARN, id="cert-soon"),
        pytest.param({"certificate_ends_at": NOW + timedelta(days=2)}, KEYS, "jwks_certificate", FAIL, id="cert-now"),
        pytest.param({"answered_at": NOW + timedelta(seconds=30)}, KEYS, "jwks_clock", WARN, id="clock-ahead"),
        pytest.param({"answered_at": NOW - timedelta(seconds=90)}, KEYS, "jwks_clock", FAIL, id="clock-beyond-leeway"),
        pytest.param({"max_age": None}, KEYS, "jwks_caching", WARN, id="no-max-age"),
        pytest.param({"no_store": True}, KEYS, "jwks_caching", WARN, id="no-store"),
        pytest.param({"max_age": timedelta(seconds=10)}, KEYS, "jwks_caching", WARN, id="max-age-short"),
        pytest.param({"max_age": timedelta(days=9)}, KEYS, "jwks_caching", WARN, id="max-age-long"),
        pytest.param({}, PublishedKeys(()), "jwks_keys", FAIL, id="no-key"),
        pytest.param({}, PublishedKeys((PublishedKey("k1", ()),)), "jwks_algorithms", FAIL, id="no-algorithm"),
        pytest.param({}, replace(KEYS, dropped=(DroppedKey("old", "weak"),)), "jwks_dropped", WARN, id="dropped"),
    ],
)
def test_key_set_that_lacks_something_is_told_so(
    reached: dict[str, Any], keys: PublishedKeys, name: str, status: CheckStatus
) -> None:
    checks = list(check_keys_answer(replace(GOOD, **reached), keys, ACME, NOW))

    [check] = [check for check in checks if check.status is not OK]
    assert (check.name, check.status) == (name, status)
    assert check.hint


def test_key_set_without_a_key_for_one_algorithm_is_doubtful() -> None:
    signature = replace(ACME.signature, algorithms=frozenset({"RS256", "ES256"}))

    checks = list(check_keys_answer(GOOD, KEYS, replace(ACME, signature=signature), NOW))

    assert [(check.name, check.detail) for check in checks if check.status is WARN] == [
        ("jwks_algorithms", "no key for ES256")
    ]


def test_key_set_that_cannot_be_had_fails_by_its_class() -> None:
    check = check_keys_failure(OutsideError(PrefillReason.HTTP_5XX, "status_503", 503))

    assert (check.status, check.detail) == (FAIL, "http_5xx, status 503: status_503")


def test_sample_of_a_sound_api_is_told_by_names_alone() -> None:
    checks = list(check_api_answer(GOOD, READY, ACME, NOW))

    assert found(checks) == {}
    assert "came back: form.firstname, form.lastname" in [check.detail for check in checks]
    assert "secret" not in repr(checks)


@pytest.mark.parametrize(
    ("reached", "prefill", "name"),
    [
        pytest.param({"took": timedelta(seconds=3)}, READY, "prefill_reachable", id="slow"),
        pytest.param({}, replace(READY, form={"firstname": "A"}), "prefill_mapping", id="one-missing"),
        pytest.param({}, replace(READY, form={}), "prefill_mapping", id="nothing"),
        pytest.param({}, replace(READY, warnings=("form.x: too long",)), "prefill_values", id="warnings"),
    ],
)
def test_sample_that_lacks_something_is_doubtful(reached: dict[str, Any], prefill: Prefill, name: str) -> None:
    checks = list(check_api_answer(replace(GOOD, **reached), prefill, ACME, NOW))

    assert found(checks) == {name: WARN}


@pytest.mark.parametrize(
    ("source", "error", "status"),
    [
        pytest.param(AuthorizationSource.CLAIM, PrefillReason.AUTH, OK, id="asks-for-the-participants-credential"),
        pytest.param(AuthorizationSource.STATIC, PrefillReason.AUTH, FAIL, id="refuses-ours"),
        pytest.param(AuthorizationSource.CLAIM, PrefillReason.TIMEOUT, FAIL, id="timeout"),
    ],
)
def test_api_that_refuses_is_well_only_where_a_token_brings_the_credential(
    source: AuthorizationSource, error: PrefillReason, status: CheckStatus
) -> None:
    prefill = replace(PREFILL, authorization=Authorization(source))

    check = check_api_failure(OutsideError(error, "", 401), replace(ACME, prefill=prefill))

    assert check.status is status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, {}, id="sound"),
        pytest.param({"require_exp": False}, {"require_exp": WARN}, id="exp"),
        pytest.param({"leeway": timedelta(seconds=300)}, {"leeway": WARN}, id="leeway"),
        pytest.param({"issuer": None}, {"issuer": WARN}, id="issuer"),
        pytest.param(
            {"signature": SignatureConfig(SignatureMethod.SYMMETRIC, frozenset({"HS256"}))},
            {"signature": WARN},
            id="symmetric",
        ),
        pytest.param(
            {"signature": SignatureConfig(SignatureMethod.PUBLIC_KEY, frozenset({"RS256"}))}, {}, id="public-key"
        ),
        pytest.param({"signature": _pinned(NOW)}, {"signature": FAIL}, id="last-key-ended"),
        pytest.param({"signature": _pinned(NOW - HOUR, NOW + HOUR)}, {"signature": WARN}, id="last-key-ends-soon"),
        pytest.param({"signature": _pinned(NOW - HOUR, NOW + 30 * DAY)}, {}, id="key-lasts"),
        pytest.param({"signature": _pinned(NOW - HOUR, None)}, {}, id="key-without-end"),
        pytest.param(
            {"encryption": EncryptionConfig(EncryptionMethod.SHARED_SECRET, True, (KeyMaterial(not_after=NOW),))},
            {"encryption": FAIL},
            id="last-secret-ended",
        ),
        pytest.param({"encryption": None}, {}, id="plain-with-api"),
        pytest.param({"encryption": None, "prefill": None}, {"encryption": WARN}, id="plain-without-api"),
        pytest.param(
            {"encryption": EncryptionConfig(EncryptionMethod.KEY_PAIR, required=False)},
            {"encryption": WARN},
            id="encryption-not-required",
        ),
    ],
)
def test_partner_document_is_judged_for_going_live(changes: dict[str, Any], status: dict[str, CheckStatus]) -> None:
    assert found(check_partner(replace(ACME, **changes), NOW)) == status


@pytest.mark.parametrize(
    ("cached", "at", "status"),
    [
        pytest.param(None, NOW, WARN, id="never-fetched"),
        pytest.param(keyset(), NOW, OK, id="fresh"),
        pytest.param(keyset(), NOW + timedelta(days=9), FAIL, id="expired"),
        pytest.param(keyset(), NOW + timedelta(hours=2), WARN, id="stale"),
    ],
)
def test_our_copy_of_the_keys_is_judged_by_its_state(cached: Keyset | None, at: Any, status: CheckStatus) -> None:
    assert check_cached_keys(cached, at).status is status


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({}, {}, id="sound"),
        pytest.param({"single_use": True}, {}, id="single-use"),
        pytest.param({"prefill_deadline": timedelta(seconds=3)}, {"deadline": FAIL}, id="deadline-below-timeout"),
        pytest.param({"prefill_deadline": timedelta(seconds=7)}, {"deadline": WARN}, id="no-second-try"),
        pytest.param({"allowed_origins": ()}, {"allowed_origins": WARN}, id="origins"),
        pytest.param({"mode": Mode.REPORT_ONLY}, {"mode": WARN}, id="report-only"),
        pytest.param({"languages": ("en", "de")}, {"screens": WARN}, id="screens-of-a-language"),
        pytest.param(
            {"screens": {"en": {**SCREENS["en"], ParticipationReason.LIMIT_REACHED: Screen("T", "M", "http://a.b/")}}},
            {"return_urls": WARN},
            id="return-url",
        ),
    ],
)
def test_campaign_is_judged_for_going_live(changes: dict[str, Any], status: dict[str, CheckStatus]) -> None:
    judged: Campaign = replace(SPRING, **changes)

    checks = found(check_campaigns([judged], ACME))

    assert checks == {f"campaign {judged.id}: {name}": worse for name, worse in status.items()}


def test_partner_without_a_campaign_or_an_api_is_told_so() -> None:
    alone = replace(ACME, prefill=None)

    assert found(check_campaigns([], alone)) == {"campaigns": WARN}
    assert found(check_campaigns([SPRING], alone)) == {}


def test_verdict_is_the_worst_that_was_found() -> None:
    checks = [well("a", "fine"), failed("b", "bad", "mend it"), doubtful("c", "so so", "look")]

    assert [verdict(checks[:1]), verdict(checks), verdict(checks[2:]), verdict([])] == [OK, FAIL, WARN, OK]
    assert checkup_view("acme", checks[:1]) == {
        "partner_id": "acme",
        "status": "ok",
        "checks": [{"name": "a", "status": "ok", "detail": "fine", "hint": ""}],
    }
