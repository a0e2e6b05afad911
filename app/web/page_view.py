"""What the campaign's page makes of a session: what the form starts with, and what the page's script may know.

Values that no field of the campaign asks for, or that its type cannot hold, never reach the browser.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from app.domain.campaign import Campaign
from app.domain.prefill import PrefillStatus
from app.domain.screens import ChosenScreen
from app.domain.session import TokenStatus
from app.web.field_types import fills
from app.web.page_templates import Known

_REFERENCE_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True)
class PageView:
    """A session as the page shows it: the screen of the refused, else what is `known`; scripts are `told` more."""

    reference: str
    screen: ChosenScreen | None
    known: Known
    told: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, shown: Mapping[str, Any], campaign: Campaign, screen: ChosenScreen | None) -> Self:
        """Return the page's view of what the participant is `shown`, of which the screen is with its language."""
        reference = reference_of(shown["session_id"])
        prefill, gift = shown["prefill"], shown["gift"]
        values = field_values(campaign, prefill["form"], prefill["optin"])
        state = _state(prefill["status"], shown["token"]["status"], values)
        label = gift["label"] if gift and gift["can_win"] is not False else None
        return cls(reference, screen, Known(state, values, label, reference), _told(shown, campaign))


def reference_of(id_: str) -> str:
    """Return what support and the page's own form call a session, or a request that has none: it opens nothing."""
    return id_[-_REFERENCE_CHARACTERS:]


def field_values(campaign: Campaign, form: Mapping[str, str], optin: Mapping[str, str]) -> dict[str, str]:
    """Return what the prefill holds for the campaign's fields, by name; a ticked checkbox is "1"."""
    values = {}
    for form_field in campaign.form:
        name = form_field.name
        if form_field.type == "checkbox":
            if optin.get(name, form.get(name, "")).lower() in {"1", "true"}:
                values[name] = "1"
        elif fills(form_field.type, form.get(name, "")):
            values[name] = form[name]
    return values


def _state(prefill: str, token: str, values: Mapping[str, str]) -> str:
    """Return the state that the form starts in: there is none where nothing came, unavailable if the token is why."""
    if prefill == PrefillStatus.NONE and token == TokenStatus.REJECTED:
        return PrefillStatus.UNAVAILABLE
    return PrefillStatus.NONE if prefill == PrefillStatus.READY and not values else prefill


def _told(shown: Mapping[str, Any], campaign: Campaign) -> dict[str, Any]:
    types = {form_field.name: form_field.type for form_field in campaign.form}
    prefill = dict(shown["prefill"])
    form, optin = prefill["form"], prefill["optin"]
    prefill["form"] = {name: value for name, value in form.items() if name in types and fills(types[name], value)}
    prefill["optin"] = {name: value for name, value in optin.items() if name in types}
    return {**shown, "custom": None, "prefill": prefill}
