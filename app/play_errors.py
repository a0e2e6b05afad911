"""Why a participation is not recorded: a branch of the tree in `app.errors`, one class per code."""

from collections.abc import Mapping
from typing import ClassVar

from app.errors import RequestError
from app.reasons import ParticipationReason


class PlayRefused(RequestError):
    """Nobody plays in this session, at this moment; `screen` is the campaign's for `reason`, beside its language."""

    reason: ClassVar[ParticipationReason | None] = ParticipationReason.TOKEN_REJECTED

    def __init__(self, screen: tuple[Mapping[str, object], str] | None = None) -> None:
        super().__init__()
        self.args = (screen,)
        self.screen = screen


class NotSettled(PlayRefused):
    """The session's token is not judged yet."""

    code = "not_settled"
    reason = None


class SessionRejected(PlayRefused):
    """The session's token was refused; reading the session tells why."""

    code = "token_rejected"


class TokenReused(PlayRefused):
    """The token counts once, and another session has played with it."""

    code = "token_reused"


class NotEligible(PlayRefused):
    """The token says that its participant may not play."""

    code = "not_eligible"
    reason = ParticipationReason.NOT_ELIGIBLE


class LimitReached(PlayRefused):
    """The participant has played as often as the token allows."""

    code = "limit_reached"
    reason = ParticipationReason.LIMIT_REACHED
