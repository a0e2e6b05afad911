"""How the ids of settled sessions are told over PostgreSQL's NOTIFY: the channel, and the ids without their prefix."""

from collections.abc import Sequence
from typing import Final

from app.steps.accept import ID_PREFIX

CHANNEL: Final = "vestibule_settled"
_BETWEEN: Final = ","
_MOST_IDS: Final = 256
"""Of 26 characters each; a payload holds less than 8,000 bytes."""


def payloads_of(ids: Sequence[str]) -> list[str]:
    """Return the payloads that tell ids of sessions."""
    bare = [id_.removeprefix(ID_PREFIX) for id_ in ids]
    return [_BETWEEN.join(bare[first : first + _MOST_IDS]) for first in range(0, len(bare), _MOST_IDS)]


def ids_of(payload: str) -> list[str]:
    """Return the ids that a payload tells."""
    return [ID_PREFIX + bare for bare in payload.split(_BETWEEN)]
