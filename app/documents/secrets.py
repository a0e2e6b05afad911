"""The secrets inside documents: which members they are, their mask, and what a mask that comes back stands for.

Secrets are write-only: an answer shows the mask, and a document that is sent back with it keeps what is stored. Where
that would be a guess, or would carry a secret to another address, the secret must be sent again.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from app.domain.outside import OutboundPolicy, UrlRefused, check_url_template
from app.errors import Mistake

PARTNER: Final = "partner"
"""The kind of document that holds secrets; campaigns hold none."""
MASK: Final = "********"
"""What stands for every secret, whatever its length."""

_UNKNOWN = "There is no stored secret that this mask stands for; send the secret itself."
_MOVED = "The address has another host than before; send the secret itself."
_UNREADABLE = "Beside an address that cannot be read, this mask stands for nothing."
_RECODED = "The encoding has changed; send the secret itself."


def mask_document(kind: str, document: Mapping[str, object]) -> dict[str, Any]:
    """Return a copy of `document` with the mask in place of each secret."""
    return split_secrets(kind, document)[0]


def split_secrets(kind: str, document: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a masked copy of `document`, and its secrets by their dotted path."""
    masked: dict[str, Any] = deepcopy(dict(document))
    secrets: dict[str, str] = {}
    for path, holder in _holders(kind, masked):
        secrets[path] = holder["secret"]
        holder["secret"] = MASK
    return masked, secrets


def join_secrets(kind: str, masked: Mapping[str, object], secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return a copy of a masked document with its secrets back in their places."""
    document: dict[str, Any] = deepcopy(dict(masked))
    for path, holder in _holders(kind, document):
        holder["secret"] = secrets[path]
    return document


def holds_mask(kind: str, body: object) -> bool:
    """Tell whether what was sent relies on stored secrets."""
    return any(holder["secret"] == MASK for _, holder in _holders(kind, body))


def restore_secrets(
    kind: str, body: object, previous: Mapping[str, object] | None, outbound: OutboundPolicy
) -> tuple[object, tuple[Mistake, ...]]:
    """Return a copy of `body` with stored secrets for its masks, and a mistake for each mask that stands for none.

    `outbound` is what addresses are read by.
    """
    restored = deepcopy(body)
    mistakes: list[Mistake] = []
    masked = [(path, holder) for path, holder in _holders(kind, restored) if holder["secret"] == MASK]
    # All of them are looked up before one is written: what a mask stands for depends on those beside it.
    meant = [_stored_holder(path, holder, restored, previous, outbound) for path, holder in masked]
    for (path, holder), stored in zip(masked, meant, strict=True):
        if isinstance(stored, str):
            mistakes.append(Mistake(path, stored))
        else:
            holder["secret"] = stored["secret"]
            if "encoding" in stored:
                holder["encoding"] = stored["encoding"]
    return restored, tuple(mistakes)


def _holders(kind: str, document: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects that hold a secret, with the secret's path; what has another shape is passed over."""
    if kind != PARTNER:
        return
    for part in ("signature", "encryption"):
        for index, entry in enumerate(_keys(document, part)):
            if isinstance(entry, dict) and "secret" in entry:
                yield f"{part}.keys[{index}].secret", entry
    authorization = _member(_member(document, "prefill"), "authorization")
    if isinstance(authorization, dict) and "secret" in authorization:
        yield "prefill.authorization.secret", authorization


def _stored_holder(
    path: str,
    holder: Mapping[str, Any],
    body: object,
    previous: Mapping[str, object] | None,
    outbound: OutboundPolicy,
) -> Mapping[str, Any] | str:
    """Return the stored object whose secret is meant, or the reason why none is."""
    if not path.startswith("prefill"):
        return _stored_key(path.partition(".")[0], holder, body, previous)
    stored = _member(_member(previous, "prefill"), "authorization")
    if not isinstance(stored, dict) or "secret" not in stored:
        return _UNKNOWN
    # Else one who may write, but not read, could have the secret sent to a host of his own.
    origin = _origin(_member(body, "prefill"), outbound)
    if origin is None:
        return _UNREADABLE
    return stored if origin == _origin(_member(previous, "prefill"), outbound) else _MOVED


def _stored_key(
    part: str, holder: Mapping[str, Any], body: object, previous: Mapping[str, object] | None
) -> Mapping[str, Any] | str:
    sent, stored = _keys(body, part), [key for key in _keys(previous, part) if isinstance(key, dict)]
    kid = holder.get("kid")
    if kid is not None:
        candidates = [key for key in stored if key.get("kid") == kid]
    else:
        index = next(index for index, entry in enumerate(sent) if entry is holder)
        is_told = _are_in_place(sent, stored)
        candidates = [key for key in stored[index : index + 1] if is_told and key.get("kid") is None]
    if len(candidates) != 1 or "secret" not in candidates[0]:
        return _UNKNOWN
    if holder.get("encoding") not in {None, candidates[0].get("encoding")}:
        return _RECODED
    return candidates[0]


def _are_in_place(sent: Sequence[Any], stored: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether stored keys without a kid are told by their places: all of them masked there, none moved.

    A key that was taken away, or another's `not_after`, would else bring back a secret that is no longer meant.
    """
    places = [index for index, key in enumerate(stored) if key.get("kid") is None]
    if len(sent) < len(stored) or not all(_is_masked_without_kid(sent[index]) for index in places):
        return False
    were, are = ([repr(keys[index].get("not_after")) for index in places] for keys in (stored, sent))
    return were == are or sorted(were) != sorted(are)


def _is_masked_without_kid(entry: object) -> bool:
    return isinstance(entry, Mapping) and entry.get("secret") == MASK and entry.get("kid") is None


def _member(document: object, name: str) -> object:
    return document.get(name) if isinstance(document, Mapping) else None


def _keys(document: object, part: str) -> Sequence[Any]:
    keys = _member(_member(document, part), "keys")
    return keys if isinstance(keys, list) else []


def _origin(prefill: object, outbound: OutboundPolicy) -> tuple[str, str, int] | None:
    """Return scheme, host and port of the address, in the one spelling that is stored; None if it cannot be read."""
    template = _member(prefill, "url")
    if not isinstance(template, str):
        return None
    try:
        url = check_url_template(template, outbound)
    except UrlRefused:
        return None
    return url.scheme, url.host, url.port
