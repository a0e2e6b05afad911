"""PEM: public keys as administrators have them, turned into the members of a JWK.

Takes SPKI public keys and X.509 certificates. Of a certificate only the key counts: its dates, names and signature are
not looked at.
"""

import re
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from jwcrypto.jwk import JWK

from app.jose.material import KeyRefused

MAX_PEM_CHARACTERS: Final = 64 * 1024
"""A dozen certificates; longer is some other file."""
_LABEL = re.compile(r"-----BEGIN ([^\r\n]*?)-----")
_BLOCK = re.compile(r"-----BEGIN (PUBLIC KEY|CERTIFICATE)-----[^-]+-----END \1-----")


def read_pem(text: str) -> tuple[dict[str, object], ...]:
    """Return the public JWK of each block (RFC 7468 sections 5 and 13), in order; raise KeyRefused if one has none."""
    labels = _LABEL.findall(text[:MAX_PEM_CHARACTERS])
    if any("PRIVATE" in label for label in labels):
        raise KeyRefused("private_key")
    if not labels or len(text) > MAX_PEM_CHARACTERS:
        raise KeyRefused("not_pem")
    if not {"PUBLIC KEY", "CERTIFICATE"}.issuperset(labels):
        raise KeyRefused("pem_unsupported")
    blocks = tuple(_BLOCK.finditer(text))
    if len(blocks) != len(labels):
        raise KeyRefused("not_pem")
    return tuple(_read_block(block[1], block[0].encode("utf-8", "replace")) for block in blocks)


def _read_block(label: str, block: bytes) -> dict[str, object]:
    try:
        key = load_pem_x509_certificate(block).public_key() if label == "CERTIFICATE" else load_pem_public_key(block)
        jwk: dict[str, Any] = JWK.from_pyca(key).export_public(as_dict=True)
    except Exception:  # noqa: BLE001 what the parsers raise on foreign bytes is no closed list; whatever it is, the key is refused
        raise KeyRefused("pem_unsupported") from None
    del jwk["kid"]  # jwcrypto's invention
    return jwk
