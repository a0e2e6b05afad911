"""Strict JSON: what a token, a key set, a partner's answer or a request body may say.

Stricter than `json.loads`: UTF-8 without byte order mark, no name twice in an object (also when spelled with escapes),
no NaN or Infinity, no lone surrogates, a bound on nesting. Knows nothing of what the values mean.
"""

import json
import re
from typing import NoReturn

MAX_DEPTH = 16
"""Objects and arrays inside one another; real tokens and key sets nest four deep."""

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class NotStrictJson(ValueError):
    """The text is not strict JSON; the message names the rule and never quotes the text."""


def parse(text: str | bytes, max_depth: int = MAX_DEPTH) -> object:
    """Return the value that `text` (UTF-8 if bytes) spells, or raise NotStrictJson (RFC 8259, RFC 7515 section 4)."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise NotStrictJson("not UTF-8") from None
    try:
        value = _DECODER.decode(text)
    except NotStrictJson:
        raise
    except RecursionError:
        raise NotStrictJson("nested too deep") from None
    except ValueError:
        raise NotStrictJson("not JSON") from None
    if text.count("{") + text.count("[") > max_depth and _depth(value) > max_depth:
        raise NotStrictJson("nested too deep")
    if not text.isascii() or _SURROGATE_ESCAPE.search(text):
        _refuse_surrogates(value)
    return value


def parse_object(text: str | bytes, max_depth: int = MAX_DEPTH) -> dict[str, object]:
    """Return the one object that `text` spells; raise NotStrictJson for anything else."""
    value = parse(text, max_depth)
    if not isinstance(value, dict):
        raise NotStrictJson("not an object")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrictJson("a name stands twice")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise NotStrictJson("NaN or Infinity")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)
"""Made once: `json.loads` with hooks makes one for each call."""


def _depth(value: object) -> int:
    deepest = 0
    stack = [(value, 0)]
    while stack:
        node, depth = stack.pop()
        deepest = max(deepest, depth)
        if isinstance(node, dict):
            stack.extend((child, depth + 1) for child in node.values())
            deepest = max(deepest, depth + 1)
        elif isinstance(node, list):
            stack.extend((child, depth + 1) for child in node)
            deepest = max(deepest, depth + 1)
    return deepest


def _refuse_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise NotStrictJson("a lone surrogate") from None
