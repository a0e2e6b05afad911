"""Ask the stages of judging a token one by one, and note what each says: shape, encryption, key, signature, claims.

The stages are those of `judge`; here is nothing that decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.inspection import Check, Question, Trail, shown
from app.domain.keyset import Keyset
from app.domain.shape import check_shape
from app.domain.strict_json import NotStrictJson, parse_object
from app.domain.token import SignedClaims
from app.domain.token_advice import shape_advice
from app.errors import TokenRejected
from app.jose.encryption import open_nested
from app.jose.gate import UnverifiedToken, open_token, read_header
from app.jose.signature import key_fits, verify
from app.reasons import TokenReason
from app.steps.content_advice import content_advice, content_seen, payload_advice
from app.steps.judge import ChosenKeys, JudgeToken, Waiting, asks_for_decryption, check_algorithm, signed_claims
from app.steps.key_advice import decryption_advice, kid_advice, signature_advice

_JWS_PARTS = 3


@dataclass(frozen=True, slots=True)
class Walked:
    """How far a token came: its claims as they can be read, as they are signed, or the key that is waited for."""

    claims: Mapping[str, object] | None = field(default=None, repr=False)
    signed: SignedClaims | None = None
    waiting: Waiting | None = None


@dataclass(frozen=True, slots=True)
class WalkGate:
    """Leads one token through; `keyset` is that of its partner as it is known at `now`."""

    judge: JudgeToken
    trail: Trail
    question: Question
    keyset: Keyset | None
    now: datetime

    def __call__(self) -> Walked:
        """Return how far the token came."""
        token = self._open(self.question.token)
        inner = None if token is None else self._decrypt(token)
        return Walked() if inner is None else self._verify(inner)

    def _open(self, text: str) -> UnverifiedToken | None:
        ask = self.trail.ask
        parts = ask("shape", lambda: check_shape(text), lambda _: _shape(text), lambda: shape_advice(text))
        if parts is None or len(parts) == _JWS_PARTS:
            self.trail.leave_out("decryption", "content")
        if parts is None:
            return None
        header = ask("header", lambda: read_header(parts[0]), _counted)
        if header is None:
            return None
        return ask("header_members", lambda: open_token(text), lambda _: shown(header))

    def _decrypt(self, token: UnverifiedToken) -> UnverifiedToken | None:
        ask, partner, received_at = self.trail.ask, self.question.partner, self.question.received_at
        kind = f"a JWE, alg {token.alg}, enc {token.enc}" if token.encrypted else f"a JWS, alg {token.alg}"
        is_to_open = ask("encryption", lambda: asks_for_decryption(token, partner), lambda _: kind)
        if is_to_open is None:
            return None
        if not is_to_open:
            return token
        plaintext = ask(
            "decryption",
            lambda: self.judge.decrypt(token, partner, received_at),
            lambda _: kind,
            lambda: decryption_advice(token, partner, self.judge.keyring, received_at),
        )
        if plaintext is None:
            return None
        return ask(
            "content",
            lambda: open_nested(plaintext, token.header),
            lambda inner: content_seen(plaintext, token.header) if inner is None else f"a JWS, alg {inner.alg}",
            lambda: content_advice(plaintext),
        )

    def _verify(self, token: UnverifiedToken) -> Walked:
        ask, partner = self.trail.ask, self.question.partner
        ask("algorithm", lambda: check_algorithm(token, partner), lambda _: token.alg)
        chosen = self._choose_keys(token) if self.trail.holds("algorithm") else None
        if isinstance(chosen, Waiting):
            return Walked(self._read(token), waiting=chosen)
        if chosen is None:
            return Walked(self._read(token))
        key = ask(
            "signature",
            lambda: verify(token, chosen.keys, partner.signature.algorithms),
            lambda key: f"{len(token.signature)} bytes, {'verified' if key else 'not verified'}",
            lambda: signature_advice(token, chosen.keys, partner, self.judge.keyring, self.question.received_at),
        )
        if key is None:
            return Walked(self._read(token))
        version = chosen.keyset_version
        signed = ask(
            "claims",
            lambda: signed_claims(token, key, version),
            lambda read: None if read is None else _names(read.claims),
            lambda: payload_advice(token.payload),
        )
        return Walked() if signed is None else Walked(signed.claims, signed)

    def _choose_keys(self, token: UnverifiedToken) -> ChosenKeys | Waiting | None:
        question = self.question
        received_at = question.received_at

        def got(chosen: ChosenKeys | Waiting | None) -> str:
            if token.kid is not None or question.partner.signature.jwks_url:
                return f"kid {shown(token.kid)}" if token.kid is not None else "no kid"
            keys = chosen.keys if isinstance(chosen, ChosenKeys) else ()
            fitting = sum(key_fits(key, token.alg, "verify") for key in keys)
            return f"{len(keys)} keys, of which {fitting} fit {token.alg}"

        chosen = self.trail.ask(
            "key",
            lambda: self.judge.choose_keys(token, question.partner, self.keyset, received_at, self.now),
            got,
            lambda: kid_advice(token.kid, self.keyset),
        )
        if isinstance(chosen, Waiting):
            reason = TokenReason.KID_UNKNOWN if chosen.kid else TokenReason.KEYS_UNAVAILABLE
            expected = self.trail.expected["key"]
            self.trail.note(Check("key", passed=None, expected=expected, got=f"kid {shown(token.kid)}", reason=reason))
            self.trail.remark("key", kid_advice(token.kid, self.keyset))
        return chosen

    def _read(self, token: UnverifiedToken) -> Mapping[str, object] | None:
        """Return the claims of a token that nothing vouches for, so that all its mistakes show at once."""
        return self.trail.ask(
            "claims",
            lambda: _parsed(token),
            lambda read: None if read is None else _names(read),
            lambda: payload_advice(token.payload),
        )


def _parsed(token: UnverifiedToken) -> Mapping[str, object]:
    try:
        return parse_object(token.payload)
    except NotStrictJson as refusal:
        raise TokenRejected(TokenReason.CLAIMS_MALFORMED, str(refusal)) from None


def _shape(text: str) -> str:
    return f"{text.count('.') + 1} parts, {len(text)} characters"


def _counted(header: Mapping[str, object] | None) -> str | None:
    return None if header is None else f"an object of {len(header)} members"


def _names(claims: Mapping[str, object]) -> str:
    return shown(list(claims))
