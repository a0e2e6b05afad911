"""Base64url as RFC 7515 section 2 means it: no padding, and one spelling for each value."""

from base64 import urlsafe_b64encode
from binascii import a2b_base64

from app.domain.shape import has_base64url_characters, is_base64url

_PADDING = ("", "", "==", "=")
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")


def encode(raw: bytes) -> str:
    """Return `raw` in base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: object) -> bytes:
    """Return the bytes that `text` spells; raise ValueError unless it is a string in the canonical spelling."""
    if not isinstance(text, str) or not is_base64url(text):
        raise ValueError("not base64url")
    return decode_checked(text)


def decode_key_member(text: object) -> bytes:
    """Return the bytes of a member of a JWK; raise ValueError unless it is a string of base64url without padding.

    Bits left over at the end may be set: the member is encoded anew, so that a key has one thumbprint all the same, and
    a key that shares its kid with such a one is still found to be ambiguous.
    """
    if not isinstance(text, str) or not has_base64url_characters(text) or len(text) % 4 == 1:
        raise ValueError("not base64url")
    return decode_checked(text)


def decode_checked(part: str) -> bytes:
    """Return the bytes of a part whose spelling was checked before (by `check_shape`)."""
    # What `base64.urlsafe_b64decode` does, without asking again what kind of text it is.
    return a2b_base64((part + _PADDING[len(part) % 4]).encode("ascii").translate(_TO_BASE64))
