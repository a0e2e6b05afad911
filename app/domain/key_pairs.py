"""Our key pairs for one partner's tokens: which there are, and how a generation follows the other.

All pairs of a generation are made together; the newest encrypts, the one before goes on decrypting until it is retired.
Knows no cryptography: a key is the JWK that it is stored as.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.domain.partner import EncryptionMethod, KeyMaterial, Partner

_BY_PAIRS = frozenset({EncryptionMethod.KEY_PAIR, EncryptionMethod.CRYPTO_API})


@dataclass(frozen=True, slots=True)
class KeyGeneration:
    """Key pairs of ours, as private JWKs; none where they were wiped. `number` counts from 1 for each partner."""

    partner_id: str
    number: int
    jwks: tuple[Mapping[str, str], ...] = field(repr=False)
    created_at: datetime
    retired_at: datetime | None = None

    @property
    def is_current(self) -> bool:
        """Tell whether tokens are to be encrypted for it."""
        return self.retired_at is None and bool(self.jwks)


def encrypts_by_pairs(method: str | None) -> bool:
    """Tell whether that method of encryption needs key pairs of ours."""
    return method in _BY_PAIRS


def with_key_pairs(partner: Partner, generations: Sequence[KeyGeneration]) -> Partner:
    """Return a partner whose tokens are decrypted with these generations, the newest first."""
    if partner.encryption is None:
        return partner
    keys = tuple(
        KeyMaterial(jwk=jwk, kid=jwk["kid"], not_after=generation.retired_at)
        for generation in generations
        for jwk in generation.jwks
    )
    number = generations[0].number if generations else 0
    return replace(partner, encryption=replace(partner.encryption, keys=keys, generation=number))


def current_jwks(partner: Partner) -> Sequence[Mapping[str, object]]:
    """Return the private JWKs of the generation that tokens are to be encrypted for; none without key pairs."""
    if partner.encryption is None or partner.encryption.method not in _BY_PAIRS:
        return ()
    return [key.jwk for key in partner.encryption.keys if key.jwk is not None and key.not_after is None]
