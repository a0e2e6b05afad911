"""Judge one token against one partner's configuration: from compact text to signed claims.

The order is the gate's: shape, encryption, algorithm, key, signature, strict claims. Says nothing yet of what the
claims mean. Touches no store: the key set is handed in as it was read for the whole batch. Each stage can be called by
itself, so that the inspector asks the very questions of the journey.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.compact_json import decode_own_spelling
from app.domain.claims import numeric_date
from app.domain.keyset import Keyset, KeysetPolicy, Lookup, Park, Refuse, Serve, decide_lookup, is_served
from app.domain.partner import EncryptionMethod, Partner, SignatureMethod
from app.domain.strict_json import MAX_DEPTH, NotStrictJson, parse_object
from app.domain.token import SignedClaims
from app.errors import TokenRejected
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt, open_nested
from app.jose.gate import UnverifiedToken, open_token, require_kid
from app.jose.keys import UsableKey
from app.jose.signature import verify
from app.reasons import TokenReason
from app.steps.keyring import Keyring
from app.values import light_value

_AGREED = frozenset(alg for alg in KEY_ALGORITHMS if alg.startswith(("RSA-", "ECDH-")))
KEY_ALGORITHMS_OF: Final[Mapping[EncryptionMethod, frozenset[str]]] = {
    EncryptionMethod.SHARED_SECRET: KEY_ALGORITHMS - _AGREED,
    EncryptionMethod.KEY_PAIR: _AGREED,
    EncryptionMethod.CRYPTO_API: frozenset({"ECDH-ES+A256KW"}),
}
"""What a token may be encrypted with, by the method of its partner."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The token cannot be judged yet: its key is to be fetched; `kid` is missing from `source`."""

    park: Park
    source: str
    kid: str | None


@light_value
class ChosenKeys:
    """The keys that may have signed a token, and the version of the JWK Set that they stand in."""

    keys: Sequence[UsableKey]
    keyset_version: int | None = None


@dataclass(frozen=True, slots=True)
class JudgeToken:
    """Verifies a token's encryption and signature with the keys that its partner is configured with."""

    keyring: Keyring
    policy: KeysetPolicy

    def __call__(
        self,
        text: str,
        partner: Partner,
        keyset: Keyset | None,
        received_at: datetime,
        now: datetime,
        *,
        is_first_look: bool = False,
    ) -> SignedClaims | Waiting:
        """Return the signed claims, or that the token has to wait for its key; raise TokenRejected."""
        token = open_token(text)
        if asks_for_decryption(token, partner):
            token = open_nested(self.decrypt(token, partner, received_at), token.header)
        return self.judge_signed(token, partner, keyset, received_at, now, is_first_look=is_first_look)

    def judge_signed(
        self,
        token: UnverifiedToken,
        partner: Partner,
        keyset: Keyset | None,
        received_at: datetime,
        now: datetime,
        *,
        is_first_look: bool = False,
    ) -> SignedClaims | Waiting:
        """Do so for a JWS, be it demanded or not that it comes encrypted; raise TokenRejected."""
        check_algorithm(token, partner)
        chosen = self.choose_keys(token, partner, keyset, received_at, now, is_first_look=is_first_look)
        if isinstance(chosen, Waiting):
            return chosen
        key = verify(token, chosen.keys, partner.signature.algorithms)
        return signed_claims(token, key, chosen.keyset_version)

    def decrypt(self, token: UnverifiedToken, partner: Partner, received_at: datetime) -> bytes:
        """Return the plaintext of a JWE that `asks_for_decryption`; raise TokenRejected.

        A key counts that was in use when the token came in: a burst that waits outlives nobody's rotation.
        """
        allowed = KEY_ALGORITHMS_OF[partner.encryption.method] if partner.encryption else frozenset()
        keys = self.keyring.encryption_keys(partner, received_at)
        return decrypt(token, keys_named_by(token, keys) or keys, allowed, CONTENT_ENCODINGS)

    def choose_keys(
        self,
        token: UnverifiedToken,
        partner: Partner,
        keyset: Keyset | None,
        received_at: datetime,
        now: datetime,
        *,
        is_first_look: bool = False,
    ) -> ChosenKeys | Waiting:
        """Return the keys that may have signed a JWS, or that they have to be waited for; raise TokenRejected."""
        if partner.signature.method is not SignatureMethod.JWKS:
            return ChosenKeys(self.keyring.signature_keys(partner, received_at))
        kid = require_kid(token)
        published = self._published_key(kid, keyset, now)
        if published is not None:
            return ChosenKeys((published,), keyset.version if keyset else None)
        ends_at = _ends_at(token, partner)
        lookup = decide_lookup(keyset, kid, received_at, ends_at, now, self.policy, is_first_look=is_first_look)
        return _waiting(lookup, kid, partner.signature.jwks_url or "", keyset, now)

    def revoked_kids(self, keyset: Keyset) -> frozenset[str]:
        """Return the kids whose key was revoked, be it published still or not."""
        published = self.keyring.keyset_keys(keyset)
        return frozenset(keyset.withdrawn).union(
            kid for kid, key in published.items() if key.thumbprint in keyset.revoked
        )

    def _published_key(self, kid: str, keyset: Keyset | None, now: datetime) -> UsableKey | None:
        """Return the key that is served under `kid`, or None; asked for each token, so nothing is decided here."""
        if keyset is None or not is_served(keyset, now):
            return None
        key = self.keyring.keyset_keys(keyset).get(kid)
        if kid in keyset.withdrawn if key is None else key.thumbprint in keyset.revoked:
            raise TokenRejected(TokenReason.KEY_REVOKED, "kid")
        return key


def keys_named_by(token: UnverifiedToken, keys: Sequence[UsableKey]) -> Sequence[UsableKey]:
    """Return those of `keys` that the token's kid names."""
    return [key for key in keys if key.kid is not None and key.kid == token.kid]


def asks_for_decryption(token: UnverifiedToken, partner: Partner) -> bool:
    """Tell whether `token` is to be decrypted; raise TokenRejected where it should be encrypted, or should not."""
    if token.encrypted and partner.encryption is None:
        raise TokenRejected(TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED)
    if not token.encrypted and partner.encryption is not None and partner.encryption.required:
        raise TokenRejected(TokenReason.TOKEN_NOT_ENCRYPTED)
    return token.encrypted


def check_algorithm(token: UnverifiedToken, partner: Partner) -> None:
    """Raise TokenRejected for what is no JWS, or not signed with an algorithm of the partner's."""
    if token.encrypted:
        raise TokenRejected(TokenReason.TOKEN_UNEXPECTEDLY_ENCRYPTED)
    if token.alg not in partner.signature.algorithms:
        raise TokenRejected(TokenReason.ALG_NOT_ALLOWED)


def signed_claims(token: UnverifiedToken, key: UsableKey, keyset_version: int | None) -> SignedClaims:
    """Return the claims of a JWS that `key` signed, strictly read; raise TokenRejected."""
    try:
        claims = _read(token.payload)
    except NotStrictJson as refusal:
        raise TokenRejected(TokenReason.CLAIMS_MALFORMED, str(refusal)) from None
    return SignedClaims(
        claims=claims,
        key_thumbprint=key.thumbprint if key.kty != "oct" else None,
        keyset_version=keyset_version,
        signing_input=token.signing_input,
        signature=token.signature,
    )


def _read(payload: bytes) -> Mapping[str, object]:
    """Return the object that a payload spells; raise NotStrictJson. Nearly all are spelled as we would."""
    if payload.count(b"{") + payload.count(b"[") <= MAX_DEPTH:
        value = decode_own_spelling(payload)
        if isinstance(value, dict):
            return value
    return parse_object(payload)


def _waiting(lookup: Lookup, kid: str, source: str, keyset: Keyset | None, now: datetime) -> Waiting:
    match lookup:
        case Park():
            is_missing_kid = keyset is not None and is_served(keyset, now)
            return Waiting(lookup, source, kid if is_missing_kid else None)
        case Refuse(reason):
            raise TokenRejected(reason, "kid")
        case Serve():  # the set has the kid, and a key that this version does not read
            raise TokenRejected(TokenReason.KID_UNKNOWN, "kid")


def _ends_at(token: UnverifiedToken, partner: Partner) -> datetime | None:
    """Return until when an unverified token says that it counts: it bounds how long it waits, and proves nothing."""
    try:
        expires_at = numeric_date(parse_object(token.payload).get("exp"))
        return None if expires_at is None else expires_at + partner.leeway
    except (NotStrictJson, OverflowError):  # the latter: it counts for ever
        return None
