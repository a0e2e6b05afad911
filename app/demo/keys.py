"""The demo partner's keys: made on first start, kept in the data folder, readable by its owner alone."""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from app.adapters.private_file import load_or_create
from app.demo.documents import SIGNING_ALGORITHM
from app.jose import base64url
from app.jose.keys import UsableKey, import_keys
from app.jose.signing import generate_key

SIGNING_KID: Final = "demo-1"
KEY_FILE: Final = "demo-partner.json"
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """What the demo partner signs, encrypts and recognises its participants with.

    `stranger` is a key of the same kid that the key set does not hold; `jwks` is the JWK Set that is published.
    """

    signing: UsableKey
    stranger: UsableKey
    jwks: Mapping[str, object]
    encryption_secret: str = field(repr=False)
    encryption: UsableKey = field(repr=False)
    access_secret: bytes = field(repr=False)

    @classmethod
    def load(cls, data_dir: Path) -> Self:
        """Return the keys that lie in `data_dir`; make them on first use."""
        stored: dict[str, Any] = json.loads(load_or_create(data_dir / KEY_FILE, _make))
        secret = stored["encryption_secret"]
        return cls(
            signing=_key(stored["signing"]),
            stranger=_key(stored["stranger"]),
            jwks={"keys": [stored["published"]]},
            encryption_secret=secret,
            encryption=_key({"kty": "oct", "k": secret}),
            access_secret=base64url.decode(stored["access_secret"]),
        )

    def access_token(self, sub: str) -> str:
        """Return the access token that opens the participant API for `sub`."""
        return base64url.encode(hmac.digest(self.access_secret, sub.encode(), "sha256"))


def _make() -> bytes:
    signing, published = generate_key(SIGNING_ALGORITHM, SIGNING_KID)
    stranger, _ = generate_key(SIGNING_ALGORITHM, SIGNING_KID)
    stored = {
        "signing": signing,
        "published": published,
        "stranger": stranger,
        "encryption_secret": base64url.encode(secrets.token_bytes(_SECRET_BYTES)),
        "access_secret": base64url.encode(secrets.token_bytes(_SECRET_BYTES)),
    }
    return json.dumps(stored).encode()


def _key(jwk: Mapping[str, object]) -> UsableKey:
    (key,) = import_keys(dict(jwk)).keys
    return key
