"""What each reason means for which a key is not used; the same words stand in docs/reasons.md, as a test sees to."""

from collections.abc import Mapping
from typing import Final

KEY_SENTENCES: Final[Mapping[str, str]] = {
    "private_key": "This holds a private key; give the public one, and treat the private one as disclosed.",
    "symmetric_key": "A shared secret cannot stand among public keys.",
    "not_pem": "This must be a PEM block: BEGIN PUBLIC KEY or BEGIN CERTIFICATE.",
    "pem_unsupported": "This PEM is damaged or not supported; PUBLIC KEY and CERTIFICATE of RSA, EC or Ed25519 are.",
    "keys_not_a_list": "The member `keys` of a JWK Set must be a list.",
    "too_many_keys": "Of a JWK Set, 100 keys are read; this one stands behind them.",
    "not_an_object": "A key must be a JSON object.",
    "kid_missing": "A key of a JWK Set needs a `kid`, by which tokens name it.",
    "kid_invalid": "The `kid` must be a text of 1 to 256 printable characters.",
    "kid_ambiguous": "Several usable keys have this `kid`; give each its own.",
    "alg_invalid": "The `alg` must be a text of 1 to 256 printable characters.",
    "use_invalid": "The `use` must be a text of 1 to 256 printable characters.",
    "key_ops_invalid": "The `key_ops` must be a list of texts, none of them twice.",
    "key_revoked": "This key was revoked here.",
    "kty_unsupported": "This kind of key is not supported; RSA, EC and OKP are.",
    "curve_unsupported": "This curve is not supported; P-256, P-384, P-521 and Ed25519 are.",
    "rsa_size": "An RSA key must have 2048 to 8192 bits.",
    "rsa_modulus": "The modulus of an RSA key must be odd.",
    "rsa_exponent": "The public exponent of an RSA key must be odd, at least 65537, and at most 64 bits long.",
    "rsa_roca": "This RSA key comes from a generator whose keys can be factored (CVE-2017-15361); make a new one.",
    "okp_low_order": "With this Ed25519 key anybody can forge signatures; make a new one.",
    "member_missing": "A member that this kind of key needs is missing; `x5c` is not read instead.",
    "member_not_base64url": "A member of this key is not base64url without padding.",
    "member_length": "A member of this key has the wrong length.",
    "not_for_verifying": "This key says (use, key_ops) that it does not verify signatures.",
    "key_invalid": "These numbers are no valid key.",
    "private_key_incomplete": "A private RSA key needs all of its members, and two primes.",
    "key_pair_mismatch": "The private and the public half do not belong together.",
    "symmetric_in_mixed_set": "A set that holds public keys may not hold a shared secret too.",
    "not_a_private_key": "This is no private key without a password, as PEM or as JWK.",
    "not_json": "This begins like a JWK and is no JSON object.",
    "key_unfit_for_algorithm": "This key is not for that algorithm, or lacks the half that is needed.",
    "header_member_refused": "Tokens with such a header member are refused.",
    "encrypt_secret_fits_no_algorithm": "This secret fits no algorithm that tokens may be encrypted by.",
    "no_published_key_for_algorithm": "No encryption key is published for that algorithm.",
    "secret_too_short": "This secret is too short: at least 16 octets.",
    "secret_too_long": "This secret is too long: at most 1,024 octets.",
    "secret_not_base64url": "This is not base64url (write - for + and _ for /); else say which encoding it has.",
    "secret_not_hex": "This is not hex; say which encoding it has.",
    "secret_not_text": "This is not text that can be encoded as UTF-8.",
    "secret_is_pem": "This is a PEM key, not a shared secret.",
    "secret_is_der": "This is a DER key, not a shared secret.",
    "secret_is_ssh_key": "This is an SSH key, not a shared secret.",
    "secret_is_jwk": "This is a JWK, not a shared secret.",
}
"""By the reason, in snake_case."""


def told_refusal(reason: str) -> str:
    """Return the sentence of a reason with the reason behind it, as mistakes in documents are told."""
    return f"{KEY_SENTENCES.get(reason, 'This key cannot be used.')} ({reason})"
