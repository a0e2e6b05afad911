"""How the ids of settled sessions are told over PostgreSQL's NOTIFY: the channel, and the ids without their prefix."""

from collections.abc import Sequence
from typing import Final

from app.steps.accept import ID_PREFIX

CHANNEL: Final = "vestibule_settled"
_ID_CHARACTERS = 26
"""Without the prefix: of each id the same."""
_MOST_IDS: Final = 256
"""A payload holds less than 8,000 bytes."""


def payloads_of(ids: Sequence[str]) -> list[str]:
    """Return the payloads that tell ids of sessions."""
    bare = [id_.removeprefix(ID_PREFIX) for id_ in ids]
    return ["".join(bare[first : first + _MOST_IDS]) for first in range(0, len(bare), _MOST_IDS)]


def ids_of(payload: str) -> list[str]:
    """Return the ids that a payload tells."""
    return [ID_PREFIX + payload[i : i + _ID_CHARACTERS] for i in range(0, len(payload), _ID_CHARACTERS)]
