"""A campaign on stores in memory, its sessions in the test's hand, served where a browser reaches it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from playwright.async_api import Page

from app.domain.campaign import Campaign, FormField, Screen
from app.domain.participation import ALLOWED, Limit, Ticket, Verdict
from app.domain.prefill import Prefill, PrefillSource, PrefillStatus
from app.domain.session import Outcome, Stage, StoredSession, TokenStatus
from app.domain.token import Gift
from app.reasons import ParticipationReason
from tests.web.page_stand import CAMPAIGN, TOKEN, Stand, serving, session_with

PARTNER: Final = "https://www.aurora.example/account"
SPA: Final[Campaign] = replace(
    CAMPAIGN,
    name="Win a day at the spa",
    screens={
        "en": {
            ParticipationReason.LIMIT_REACHED: Screen("You have already taken part", "Everyone has one go.", PARTNER),
            ParticipationReason.TOKEN_REJECTED: Screen(
                "This link is no longer valid", "Please take a new one.", PARTNER
            ),
        },
        "fr": {ParticipationReason.LIMIT_REACHED: Screen("Vous avez déjà participé", "À bientôt.", PARTNER)},
    },
    form=(
        FormField("firstname", {"en": "First name", "fr": "Prénom"}, autocomplete="given-name", required=True),
        FormField("lastname", {"en": "Last name", "fr": "Nom"}, autocomplete="family-name", required=True),
        FormField("email", {"en": "Email", "fr": "E-mail"}, type="email", autocomplete="email", required=True),
        FormField("birthdate", {"en": "Date of birth", "fr": "Né(e) le"}, type="date", autocomplete="bday"),
        FormField("wish", {"en": "Your wish", "fr": "Votre souhait"}, type="textarea"),
        FormField("news", {"en": "Send me news", "fr": "Je veux les nouvelles"}, type="checkbox"),
    ),
)
FORM: Final = {"firstname": "Ada", "lastname": "Martin", "email": "ada.martin@example.com", "birthdate": "1990-12-10"}
READY: Final = Prefill(PrefillStatus.READY, PrefillSource.PARTNER, form=FORM, optin={"news": "1"})


@asynccontextmanager
async def spa(session: StoredSession | None = None, **changes: Any) -> AsyncIterator[tuple[Stand, str]]:
    """Serve the campaign, changed so, to one who brings a token; give the stand, and the address with the token."""
    campaign = replace(SPA, **changes)
    stand = Stand(campaigns={campaign.id: campaign}, session=session)
    async with serving(stand) as client:
        yield stand, str(client.make_url(f"/c/{campaign.id}?token={TOKEN}"))


def unjudged() -> StoredSession:
    """Return a session whose token waits."""
    return session_with(None, Stage.VERIFY)


def fetching() -> StoredSession:
    """Return a session whose token is accepted, and whose data is on its way."""
    outcome = Outcome(TokenStatus.ACCEPTED, ALLOWED, prefill=Prefill(PrefillStatus.PENDING))
    return session_with(outcome, Stage.FETCH)


def settled(
    prefill: Prefill = READY, verdict: Verdict = ALLOWED, limit: Limit | None = None, gift: str | None = None
) -> StoredSession:
    """Return the session of an accepted token."""
    shown = Gift(label=gift, can_win=True) if gift else None
    ticket = Ticket(limit or Limit())
    return session_with(Outcome(TokenStatus.ACCEPTED, verdict, gift=shown, prefill=prefill, ticket=ticket))


async def held(page: Page) -> dict[str, str]:
    """Return what the form's fields hold."""
    entries = await page.evaluate("() => [...new FormData(document.querySelector('form'))]")
    return {name: value for name, value in entries if value}
