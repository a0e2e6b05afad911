"""Try where a partner's keys are published as soon as it is configured, so that its first token finds them.

Asks for a refresh and looks what came of it. Fetches nothing itself, refuses nothing, and never waits: whoever calls
looks again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.domain.keyset import Keyset, KeysetMode, KeysetState, keyset_state
from app.keyset_ports import KeysetDesk
from app.ports import Clock, Hints, Work
from app.steps.keysets import jwks_url_of

LOOK_SECONDS: Final = 0.1
"""Between two looks."""
PATIENCE_SECONDS: Final = 2.0
"""How long the answer to a PUT waits for a partner's; the refresh goes on without it."""

_STILL_NEW: Final = timedelta(seconds=30)
"""A source that was tried so lately is not tried again: documents of many partners may be put at once."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A source that is being tried; `attempted_at` is when it last was before, None for never."""

    source: str
    attempted_at: datetime | None
    is_asked: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a source; `is_pending` while its answer is not there yet."""

    state: KeysetState
    version: int
    keys: int
    dropped: int
    error: str | None
    is_pending: bool


@dataclass(frozen=True, slots=True)
class TryKeyset:
    """Tries the key source of a document."""

    desk: KeysetDesk
    hints: Hints
    clock: Clock

    def begin(self, document: Mapping[str, Any]) -> Trial | None:
        """Ask for the keys of a partner's document; None if it publishes none."""
        source = jwks_url_of(document)
        if source is None:
            return None
        now = self.clock.now()
        keyset = self._load(source)
        is_known = keyset.attempted_at is not None and now < keyset.attempted_at + _STILL_NEW and not keyset.failures
        if keyset.mode is not KeysetMode.REMOTE or is_known:
            return Trial(source, keyset.attempted_at, is_asked=False)
        self.desk.request(source, now)
        self.hints.ring(Work.REFRESH)
        return Trial(source, keyset.attempted_at, is_asked=True)

    def look(self, trial: Trial) -> Findings:
        """Return what is known by now."""
        keyset = self._load(trial.source)
        return Findings(
            state=keyset_state(keyset, self.clock.now()),
            version=keyset.version,
            keys=len(keyset.keys),
            dropped=len(keyset.dropped),
            error=keyset.last_error,
            is_pending=trial.is_asked and keyset.attempted_at == trial.attempted_at,
        )

    def _load(self, source: str) -> Keyset:
        stored = self.desk.find(source)
        return Keyset(source) if stored is None else stored.keyset
