"""Keys that a partner is replacing: until its `not_after` a key counts, by the moment at which a token came in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.partner import (
    EncryptionConfig,
    EncryptionMethod,
    KeyMaterial,
    Partner,
    SignatureConfig,
    SignatureMethod,
)
from app.jose.encryption import encrypt
from app.jose.keys import import_secret
from app.reasons import TokenReason
from tests.builders import NOW
from tests.steps.verifying import SIGNING, Verification, key_pair, mint, pinned_partner

LAST_DAY = NOW + timedelta(minutes=1)
OLD, NEW = KeyMaterial(jwk=key_pair("k1")[1], not_after=LAST_DAY), KeyMaterial(jwk=key_pair("k2")[1])
OLD_SECRET, NEW_SECRET = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


def replacing_key() -> Partner:
    signature = SignatureConfig(SignatureMethod.PUBLIC_KEY, frozenset({SIGNING}), keys=(OLD, NEW))
    return replace(pinned_partner(), signature=signature)


def replacing_secret() -> Partner:
    keys = (KeyMaterial(secret=OLD_SECRET, kid="old", not_after=LAST_DAY), KeyMaterial(secret=NEW_SECRET, kid="new"))
    return pinned_partner(encryption=EncryptionConfig(EncryptionMethod.SHARED_SECRET, required=True, keys=keys))


def nested(secret: str) -> str:
    return encrypt(mint(), import_secret(secret, "text"), "dir", "A256GCM", None)


def reason_of(partner: Partner, token: str, *, received_after: int, judged_after: int) -> TokenReason | None:
    verification = Verification(partner=partner)
    verification.clock.advance(received_after)
    [id_] = verification.take_in(token)
    verification.clock.advance(judged_after - received_after)
    verification.work()
    outcome = verification.stored(id_).outcome
    assert outcome is not None
    return outcome.token_reason


@pytest.mark.parametrize(
    ("partner", "old", "new", "refusal"),
    [
        pytest.param(replacing_key(), mint("k1"), mint("k2"), TokenReason.SIGNATURE_INVALID, id="signature"),
        pytest.param(
            replacing_secret(), nested(OLD_SECRET), nested(NEW_SECRET), TokenReason.DECRYPTION_FAILED, id="encryption"
        ),
    ],
)
def test_verify_while_a_key_is_replaced_takes_both_and_then_the_new_one_alone(
    partner: Partner, old: str, new: str, refusal: TokenReason
) -> None:
    during = [reason_of(partner, token, received_after=59, judged_after=59) for token in (old, new)]
    after = [reason_of(partner, token, received_after=60, judged_after=60) for token in (old, new)]
    waited = reason_of(partner, old, received_after=59, judged_after=900)

    assert during == [None, None]
    assert after == [refusal, None]
    assert waited is None
