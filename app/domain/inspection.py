"""What the inspector finds out about a token: each check of the journey in its order, and the verdict that follows.

A check is asked for with a question of the journey itself; what refuses a participant's token refuses it here. Knows
neither keys nor configuration: which checks there are, and what each expects, is handed in.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from app.domain.campaign import Campaign
from app.domain.partner import Partner
from app.domain.prefill import PrefillRequest
from app.domain.session import Outcome, TokenStatus
from app.errors import TokenRejected
from app.reasons import ParticipationReason, PrefillReason, TokenReason

Reason = TokenReason | ParticipationReason | PrefillReason
Answer = TypeVar("Answer")

_SHOWN_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: `passed` is None where it could not be judged; `detail` names what is at fault, `advice` how it arose.

    One that passed may have advice too: on what looks like a mistake, and is none to us.

    `reason` with `passed` None: that is what the token is refused with if the key that it waits for does not come.
    """

    name: str
    passed: bool | None
    expected: str
    got: str | None = field(default=None, repr=False)
    reason: Reason | None = None
    detail: str = ""
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class TokenVerdict:
    """What the token's session would say of it."""

    status: TokenStatus
    reason: TokenReason | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the inspector is asked: about a token, as it would arrive at `received_at`."""

    partner: Partner
    campaign: Campaign
    token: str = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that was found out; nothing of it is stored or logged.

    `outcome` is what the session would become, None while a key is waited for; `request` what the partner would be
    asked, `claims` what the token says, believed or not. `is_fetching` tells that a key set has been asked for.
    """

    question: Question
    checks: tuple[Check, ...]
    verdict: TokenVerdict
    outcome: Outcome | None = None
    request: PrefillRequest | None = field(default=None, repr=False)
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)
    is_fetching: bool = False


@dataclass(slots=True)
class Trail:
    """Collects checks; `expected` has all that there are, in order, each with what it expects."""

    expected: dict[str, str]
    _found: dict[str, Check] = field(default_factory=dict)

    def ask(
        self,
        name: str,
        question: Callable[[], Answer],
        got: Callable[[Answer | None], str | None],
        advice: Callable[[], str | None] = lambda: None,
    ) -> Answer | None:
        """Return the answer to `question`; None, and the check has failed, where that raises TokenRejected.

        `got` is called with the answer, or with None, to tell what the token says; `advice` only where it failed.
        """
        expected = self.expected[name]
        try:
            answer = question()
        except TokenRejected as rejection:
            reason, detail = rejection.reason, rejection.detail
            failed = Check(name, passed=False, expected=expected, got=got(None), reason=reason)
            self.note(replace(failed, detail=detail, advice=advice()))
            return None
        self.note(Check(name, passed=True, expected=expected, got=got(answer)))
        return answer

    def note(self, check: Check) -> None:
        """Record a check that was judged elsewhere."""
        self._found[check.name] = check

    def remark(self, name: str, advice: str | None) -> None:
        """Add advice to a check that was judged, whether it passed or not."""
        self._found[name] = replace(self._found[name], advice=advice)

    def holds(self, name: str) -> bool:
        """Tell whether that check was judged and passed."""
        return name in self._found and self._found[name].passed is True

    def leave_out(self, *names: str) -> None:
        """Take checks away that do not apply to this token."""
        for name in names:
            del self.expected[name]

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks in order; those that nobody asked for could not be judged."""
        return tuple(
            self._found.get(name) or Check(name, passed=None, expected=text) for name, text in self.expected.items()
        )

    @property
    def verdict(self) -> TokenVerdict:
        """What the first check says that did not pass; none of them: accepted."""
        for check in self._found.values():
            if isinstance(check.reason, TokenReason):
                status = TokenStatus.PENDING if check.passed is None else TokenStatus.REJECTED
                return TokenVerdict(status, check.reason)
        return TokenVerdict(TokenStatus.ACCEPTED)


def shown(value: object) -> str:
    """Return a value of a token's as JSON, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:  # a number with more digits than Python prints
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
