"""What master keys are spelled like: the settings and the data folder's file alike; never quotes one."""

import base64
import binascii
import re
from typing import Final

from app.errors import ConfigurationError

MASTER_KEY_BYTES: Final = 32

OPEN_NOTHING: Final = "they do not open what is sealed in the database"
CURE_OF_MISSING: Final = "add the key that sealed it to VESTIBULE_MASTER_KEYS"

_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")


def parse_master_keys(text: str, place: str) -> tuple[bytes, ...]:
    """Return the comma-separated keys of `text`, 32 bytes each in base64url or hex.

    Raise ConfigurationError with every mistake, by `place` (the setting or the file) and position.
    """
    keys: list[bytes] = []
    problems: list[str] = []
    for position, spelled in enumerate(text.split(","), start=1):
        key = _parse_key(spelled.strip())
        if key is None:
            problems.append(f"{place}: key {position} must be {MASTER_KEY_BYTES} bytes in base64url or hex")
        elif key in keys:
            problems.append(f"{place}: key {position} stands twice")
        else:
            keys.append(key)
    if problems:
        raise ConfigurationError(tuple(problems))
    return tuple(keys)


def _parse_key(spelled: str) -> bytes | None:
    if _HEX.fullmatch(spelled):
        return bytes.fromhex(spelled)
    if _BASE64URL.fullmatch(spelled):
        try:
            return base64.b64decode(spelled.rstrip("=") + "=", altchars=b"-_", validate=True)
        except binascii.Error:
            return None
    return None
