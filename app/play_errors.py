"""Why a participation is not recorded: a branch of the tree in `app.errors`, one class per code."""

from app.errors import RequestError


class PlayRefused(RequestError):
    """Nobody plays in this session, at this moment."""


class NotSettled(PlayRefused):
    """The session's token is not judged yet."""

    code = "not_settled"


class SessionRejected(PlayRefused):
    """The session's token was refused; reading the session tells why."""

    code = "token_rejected"


class TokenReused(PlayRefused):
    """The token counts once, and another session has played with it."""

    code = "token_reused"


class NotEligible(PlayRefused):
    """The token says that its participant may not play."""

    code = "not_eligible"


class LimitReached(PlayRefused):
    """The participant has played as often as the token allows."""

    code = "limit_reached"
