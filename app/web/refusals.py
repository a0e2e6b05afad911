"""What one who may not play is shown: the campaign's screen for the reason, in a language of theirs."""

from collections.abc import Sequence

from app.domain.campaign import Campaign, Screen, screen_for
from app.play_errors import PlayRefused
from app.reasons import ParticipationReason


def refusal_screen(refusal: PlayRefused, campaign: Campaign, preferred: Sequence[str]) -> Screen:
    """Return the screen for `refusal`; to one whose token is not judged yet, that for the unrecognised."""
    return screen_for(campaign, refusal.reason or ParticipationReason.TOKEN_REJECTED, preferred)


def with_screen(refusal: PlayRefused, campaign: Campaign, preferred: Sequence[str]) -> PlayRefused:
    """Return `refusal` with the campaign's screen, unless it is but a matter of waiting."""
    if refusal.reason is None:
        return refusal
    screen = refusal_screen(refusal, campaign, preferred)
    shown = {"title": screen.title, "message": screen.message, "return_url": screen.return_url}
    return type(refusal)(shown)
