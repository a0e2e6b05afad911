"""The Crypto API: a partner's valid signed token becomes one that we alone can read.

Encrypts nothing that the partner's own configuration would refuse, so that nobody can use our keys to dress up a token.
"""

from dataclasses import dataclass
from typing import Final

from app.domain.key_pairs import current_jwks, encrypts_by_pairs
from app.domain.partner import Partner
from app.errors import EncryptionKeysUnknown, Mistake, PartnerUnknown, RequestInvalid
from app.jose.encryption import encrypt
from app.jose.keys import UsableKey
from app.ports import Clock, ConfigurationSource
from app.steps.authorize import Caller
from app.steps.key_pairs import PublishKeyPairs
from app.steps.keyring import Keyring
from app.steps.vouch import VouchForToken

_ALGORITHM: Final = "ECDH-ES+A256KW"
_ENCODING: Final = "A256GCM"
_CURVE: Final = "X25519"
"""The faster of the two; that the caller's library knows it matters not, since only we decrypt."""
_NO_PARTNER = Mistake("partner_id", "This client is bound to no partner; say whose token this is.")


@dataclass(frozen=True, slots=True)
class EncryptToken:
    """Encrypts signed tokens; `partners` may be a moment old."""

    partners: ConfigurationSource
    publish: PublishKeyPairs
    vouch: VouchForToken
    keyring: Keyring
    clock: Clock

    def __call__(self, token: str, partner_id: str | None, caller: Caller) -> str:
        """Return the JWE around `token`, a JWS of the caller's partner, or of `partner_id` where it is bound to none.

        Raise TokenRejected, RequestInvalid, PartnerUnknown or EncryptionKeysUnknown.
        """
        partner = self._find(partner_id, caller)
        if partner.encryption is None or not encrypts_by_pairs(partner.encryption.method):
            raise EncryptionKeysUnknown
        self.vouch(token, partner)
        key = self._key(partner) or self._key(self.publish.find(partner.id))
        if key is None:  # whatever has just been made was replaced in the same moment
            raise EncryptionKeysUnknown
        return encrypt(token, key, _ALGORITHM, _ENCODING, key.kid)

    def _find(self, partner_id: str | None, caller: Caller) -> Partner:
        chosen = caller.partner_id if partner_id is None else partner_id
        if chosen is None:
            raise RequestInvalid((_NO_PARTNER,))
        if not caller.sees(chosen):
            raise PartnerUnknown
        partner = self.partners.load(frozenset(), frozenset({chosen})).partners.get(chosen)
        if partner is None:
            raise PartnerUnknown
        return partner

    def _key(self, partner: Partner) -> UsableKey | None:
        fit = (jwk["kid"] for jwk in current_jwks(partner) if (jwk["alg"], jwk.get("crv")) == (_ALGORITHM, _CURVE))
        kid = next(fit, None)
        keys = self.keyring.encryption_keys(partner, self.clock.now()) if kid is not None else ()
        return next((key for key in keys if key.kid == kid), None)
