"""Keys: which of the keys that somebody gives us we use, and for what they may be used.

Each key is read by itself, from allow-listed members, and parsed once; a bad key is dropped with a reason and costs the
others nothing. Knows no algorithm (`signature.py` and `encryption_rules.py` say what fits) and no key set's life.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from jwcrypto.jwk import JWK

from app.jose import base64url
from app.jose.gate import MAX_KID_CHARACTERS
from app.jose.material import PRIVATE_MEMBERS, KeyRefused, Material, read_material
from app.jose.pem import read_pem
from app.jose.shared_secret import SecretEncoding, read_secret

__all__ = [
    "MAX_KEYS",
    "DroppedKey",
    "ImportedKeys",
    "KeyPolicy",
    "KeyRefused",
    "KeySource",
    "SecretEncoding",
    "UsableKey",
    "import_keys",
    "import_pem",
    "import_secret",
    "public_jwk",
    "usable_keys",
]

MAX_KEYS: Final = 100
"""Keys of one document; what follows is dropped."""


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What a document may hold; as it stands, what configuration may."""

    allows_symmetric: bool = True
    allows_private: bool = True
    only_verifying: bool = False
    """`use` absent or sig, `key_ops` absent or with verify, a curve that signs."""
    requires_kid: bool = False

    @classmethod
    def remote(cls) -> Self:
        """Return the policy for a partner's JWK Set: public keys with a kid, for verifying and nothing else."""
        return cls(allows_symmetric=False, allows_private=False, only_verifying=True, requires_kid=True)


CONFIGURATION: Final = KeyPolicy()


@dataclass(frozen=True, slots=True)
class UsableKey:
    """A key that passed every check; `alg`, `use` and `key_ops` are what its JWK says and bind whoever uses it.

    `thumbprint` is RFC 7638, SHA-256, base64url. Beware that of a symmetric key it is a hash of the secret.
    """

    kid: str | None
    kty: str
    curve: str | None
    bits: int
    alg: str | None
    use: str | None
    key_ops: frozenset[str] | None
    thumbprint: str
    has_private: bool
    material: JWK = field(repr=False, compare=False)
    """Parsed already, and holding neither use, alg nor key_ops: jwcrypto checks them partly, we wholly."""


@dataclass(frozen=True, slots=True)
class DroppedKey:
    """A key that is not used, and why: a stable word in snake_case."""

    kid: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class ImportedKeys:
    """The keys of a document, in its order: those that are used, those that are not."""

    keys: tuple[UsableKey, ...]
    dropped: tuple[DroppedKey, ...]


KeySource = Sequence[UsableKey] | ImportedKeys


def usable_keys(source: KeySource) -> Sequence[UsableKey]:
    """Return the keys themselves."""
    return source.keys if isinstance(source, ImportedKeys) else source


def import_keys(document: object, policy: KeyPolicy = CONFIGURATION) -> ImportedKeys:
    """Return the keys of a JWK or JWK Set (RFC 7517), as parsed JSON. Raise nothing: what cannot be used is dropped."""
    if isinstance(document, Mapping) and "keys" in document:
        entries = document["keys"]
        if not isinstance(entries, list):
            return ImportedKeys((), (DroppedKey(None, "keys_not_a_list"),))
    else:
        entries = [document]
    usable: list[UsableKey] = []
    dropped: list[DroppedKey] = []
    for entry in entries[:MAX_KEYS]:
        try:
            usable.append(_import_key(entry, policy))
        except KeyRefused as refusal:
            dropped.append(DroppedKey(_readable_kid(entry), refusal.reason))
    dropped.extend(DroppedKey(_readable_kid(entry), "too_many_keys") for entry in entries[MAX_KEYS:])
    return _without_ambiguous(_without_mixed(usable, dropped), dropped)


def import_pem(text: str) -> tuple[UsableKey, ...]:
    """Return the public keys of PEM blocks, SPKI or X.509 certificate; raise KeyRefused for the first that is none."""
    return tuple(_import_key(jwk, CONFIGURATION) for jwk in read_pem(text))


def import_secret(
    secret: str, encoding: SecretEncoding, *, kid: str | None = None, alg: str | None = None, use: str | None = None
) -> UsableKey:
    """Return a shared secret of 16 to 1,024 octets as a key; raise KeyRefused if it is no such secret."""
    said = {"kid": kid, "alg": alg, "use": use}
    jwk = {"kty": "oct", "k": base64url.encode(read_secret(secret, encoding))}
    return _import_key({**jwk, **{name: value for name, value in said.items() if value is not None}}, CONFIGURATION)


def public_jwk(key: UsableKey) -> dict[str, object]:
    """Return the public half of `key` as a JWK of known members, to store or publish; raise KeyRefused if symmetric."""
    if key.kty == "oct":
        raise KeyRefused("symmetric_key")
    said = {
        "kid": key.kid,
        "alg": key.alg,
        "use": key.use,
        "key_ops": sorted(key.key_ops) if key.key_ops is not None else None,
    }
    members: dict[str, object] = key.material.export_public(as_dict=True)
    return {**members, **{name: value for name, value in said.items() if value is not None}}


def _import_key(entry: object, policy: KeyPolicy) -> UsableKey:
    if not isinstance(entry, Mapping):
        raise KeyRefused("not_an_object")
    _check_policy(entry, policy)
    kid, alg, use = (_text_member(entry, name) for name in ("kid", "alg", "use"))
    key_ops = _read_key_ops(entry)
    if policy.only_verifying and (use not in {None, "sig"} or (key_ops is not None and "verify" not in key_ops)):
        raise KeyRefused("not_for_verifying")
    material = read_material(entry)
    jwk = _parse(material)
    return UsableKey(
        kid=kid,
        kty=material.members["kty"],
        curve=material.curve,
        bits=material.bits,
        alg=alg,
        use=use,
        key_ops=key_ops,
        thumbprint=jwk.thumbprint(),
        has_private=material.has_private,
        material=jwk,
    )


def _check_policy(entry: Mapping[str, object], policy: KeyPolicy) -> None:
    if not policy.allows_symmetric and entry.get("kty") == "oct":
        raise KeyRefused("symmetric_key")
    if not policy.allows_private and not entry.keys().isdisjoint((*PRIVATE_MEMBERS, "k")):
        raise KeyRefused("private_key")
    if policy.only_verifying and entry.get("crv") == "X25519":
        raise KeyRefused("curve_unsupported")
    if policy.requires_kid and "kid" not in entry:
        raise KeyRefused("kid_missing")


def _text_member(entry: Mapping[str, object], name: str) -> str | None:
    if name not in entry:
        return None
    value = entry[name]
    if not isinstance(value, str) or not _is_readable(value):
        raise KeyRefused(f"{name}_invalid")
    return value


def _read_key_ops(entry: Mapping[str, object]) -> frozenset[str] | None:
    if "key_ops" not in entry:
        return None
    operations = entry["key_ops"]
    if not isinstance(operations, list):
        raise KeyRefused("key_ops_invalid")
    if not all(isinstance(operation, str) and _is_readable(operation) for operation in operations):
        raise KeyRefused("key_ops_invalid")
    if len(set(operations)) != len(operations):  # RFC 7517 section 4.3
        raise KeyRefused("key_ops_invalid")
    return frozenset(operations)


def _readable_kid(entry: object) -> str | None:
    kid = entry.get("kid") if isinstance(entry, Mapping) else None
    return kid if isinstance(kid, str) and _is_readable(kid) else None


def _is_readable(text: str) -> bool:
    return 0 < len(text) <= MAX_KID_CHARACTERS and text.isprintable()


def _parse(material: Material) -> JWK:
    # Parsing here has jwcrypto keep the parsed key; it would otherwise be parsed, and found bad, at the first token.
    try:
        jwk = JWK(**material.members)
        if material.members["kty"] != "oct":
            public = jwk.get_op_key("verify")
            if material.has_private:
                _check_pair(jwk.get_op_key("sign"), public)
    except KeyRefused:
        raise
    except Exception:  # noqa: BLE001 what the libraries raise on hostile numbers is no closed list; whatever it is, the key is refused
        raise KeyRefused("key_invalid") from None
    return jwk


def _check_pair(private: Any, public: Any) -> None:
    # RSA and EC are checked by the parser, OKP is not.
    if private.public_key() != public:
        raise KeyRefused("key_pair_mismatch")


def _without_mixed(usable: list[UsableKey], dropped: list[DroppedKey]) -> list[UsableKey]:
    # A set that mixes secrets with key pairs invites taking the one for the other; the secrets go.
    secrets = [key for key in usable if key.kty == "oct"]
    if not secrets or len(secrets) == len(usable):
        return usable
    dropped.extend(DroppedKey(key.kid, "symmetric_in_mixed_set") for key in secrets)
    return [key for key in usable if key.kty != "oct"]


def _without_ambiguous(usable: list[UsableKey], dropped: list[DroppedKey]) -> ImportedKeys:
    counts = Counter(key.kid for key in usable)
    ambiguous = {kid for kid, count in counts.items() if kid is not None and count > 1}
    dropped.extend(DroppedKey(key.kid, "kid_ambiguous") for key in usable if key.kid in ambiguous)
    return ImportedKeys(tuple(key for key in usable if key.kid not in ambiguous), tuple(dropped))
