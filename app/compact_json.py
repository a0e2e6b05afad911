"""JSON as we write it, and read it again: UTF-8, no spaces, as fast as a library makes it.

Knows nothing of what the values mean. Text that others wrote is read by `domain.strict_json`.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

_ONLY_PLAIN: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""An object that strayed into an answer or a log is a mistake, not something to be spelled out member by member."""
_DIGITS_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER: Final = b"0" * 19
"""The fast library reads an integer beyond 64 bits as a float."""


def decode(encoded: bytes) -> Any:
    """Return the value that `encode` wrote."""
    if _LONG_NUMBER not in encoded.translate(_DIGITS_AS_ZEROS):
        try:
            return orjson.loads(encoded)
        except orjson.JSONDecodeError:
            pass  # half of a surrogate pair, which only the standard library knows
    return json.loads(encoded)


def decode_own_spelling(encoded: bytes) -> Any:
    """Return the value of a text that is spelled to the byte as `encode` would; None for any other text.

    Others' text may be read so at a third of the cost of `domain.strict_json`, which is for what remains: a name that
    stands twice, a number beyond its type, half of a surrogate pair are no spelling of ours. Only nesting is not bound.
    """
    try:
        value = orjson.loads(encoded)
        return value if orjson.dumps(value) == encoded else None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None


def encode(value: object, default: Callable[[object], object] | None = None) -> bytes:
    """Return `value` as JSON; what JSON has no spelling for goes through `default`, else TypeError is raised.

    Integers beyond 64 bits, which the fast library refuses, are spelled by the standard one, in ASCII.
    """
    try:
        return orjson.dumps(value, default, _ONLY_PLAIN)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=default).encode("ascii")
