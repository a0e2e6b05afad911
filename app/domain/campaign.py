"""A campaign as the journey needs it: who it belongs to, what it demands of a token, and the screens of the refused.

Built from a validated document by `app.documents`; nothing here is checked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.reasons import ParticipationReason

MAX_SESSION_TTL: Final = timedelta(days=30)
"""What a campaign may set at most."""


class Mode(StrEnum):
    """What a campaign does with the verdict on a token."""

    REQUIRED = "required"  # no accepted token, no play
    OPTIONAL = "optional"  # without one, one plays anonymously
    REPORT_ONLY = "report_only"  # all is judged and recorded, nothing enforced


@dataclass(frozen=True, slots=True)
class Screen:
    """What a participant who may not play is shown."""

    title: str
    message: str
    return_url: str | None = None


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form step; `label` maps a language to its text."""

    name: str
    label: Mapping[str, str]
    type: str = "text"
    autocomplete: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign; `version` grows with each change of its document, `screens` are by language, then reason.

    `accent` is the colour of its pages, `#rrggbb`.
    """

    id: str
    version: int
    partner_id: str
    name: str
    aliases: frozenset[str] = frozenset()
    mode: Mode = Mode.REQUIRED
    single_use: bool = False
    session_ttl: timedelta = timedelta(days=1)
    prefill_deadline: timedelta = timedelta(seconds=10)
    allowed_origins: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    screens: Mapping[str, Mapping[ParticipationReason, Screen]] = field(default_factory=dict)
    form: tuple[FormField, ...] = ()
    accent: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """The texts that a token's `campaignId` may hold."""
        return self.aliases | {self.id}
