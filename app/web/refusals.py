"""What one who may not play is shown: the campaign's screen for the reason, in a language of theirs."""

from collections.abc import Mapping, Sequence

from app.domain.campaign import Campaign, Mode
from app.domain.screens import ChosenScreen, screen_for
from app.domain.session import choose_screen
from app.errors import RequestError
from app.play_errors import PlayRefused
from app.reasons import ParticipationReason
from app.steps.read import Visit
from app.web.problems import CONTENT_LANGUAGE


def refusal_screen(refusal: PlayRefused, campaign: Campaign, preferred: Sequence[str]) -> ChosenScreen:
    """Return the screen for `refusal`; to one whose token is not judged yet, that for the unrecognised."""
    return screen_for(campaign, refusal.reason or ParticipationReason.TOKEN_REJECTED, preferred)


def with_screen(refusal: PlayRefused, campaign: Campaign, preferred: Sequence[str]) -> PlayRefused:
    """Return `refusal` with the campaign's screen, unless it is but a matter of waiting."""
    if refusal.reason is None:
        return refusal
    return type(refusal)(_shown(refusal_screen(refusal, campaign, preferred)))


def add_screen(refusal: RequestError, campaign: Campaign, preferred: Sequence[str]) -> None:
    """Add the screen for the unrecognised to `refusal`, for who names a language and may not play without a token."""
    if preferred and campaign.mode is Mode.REQUIRED:
        refusal.screen = _shown(screen_for(campaign, ParticipationReason.TOKEN_REJECTED, preferred))


def screen_headers(visit: Visit, preferred: Sequence[str]) -> Mapping[str, str]:
    """Return the header that says which language the screen of a session's answer is in; none where there is none.

    A member of the screen would say it more plainly, but its members are fixed; CORS shows this header to scripts.
    """
    chosen = choose_screen(visit.session.outcome, visit.campaign, preferred)
    return {} if chosen is None else {CONTENT_LANGUAGE: chosen.language}


def _shown(chosen: ChosenScreen) -> tuple[Mapping[str, object], str]:
    screen = chosen.screen
    return {"title": screen.title, "message": screen.message, "return_url": screen.return_url}, chosen.language
