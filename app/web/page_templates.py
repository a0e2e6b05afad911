"""Renders the participants' pages: HTML that escapes everything, under a policy that lets nothing else in.

Decides how a session looks; refuses to know requests, cookies and stores.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Self

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from app.domain.campaign import Campaign, FormField, Mode
from app.domain.languages import choose_language, primary_of
from app.domain.prefill import PrefillStatus
from app.domain.screens import ChosenScreen, screen_for
from app.reasons import ParticipationReason
from app.web.assets import Assets
from app.web.direction import direction_of
from app.web.palette import palette
from app.web.prefill_words import prefill_words
from app.web.wording import Words, language_of_words, text_in, words_in

_WIDE_TYPES: Final = frozenset({"email", "url", "textarea"})


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field as the page shows it; the `value` of a checkbox is "1" where it is ticked.

    `marks` are the attributes of its label, `marks_ours` those of the pages' own words in it.
    """

    name: str
    label: str
    marks: Markup
    marks_ours: Markup
    type: str
    autocomplete: str | None
    required: bool
    is_wide: bool
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Look:
    """Who speaks on a page, in which language and colour, and which origins may frame it."""

    language: str
    brand: str = ""
    frame_ancestors: Sequence[str] = ()
    accent: str | None = None

    @classmethod
    def of(cls, campaign: Campaign, brand: str, preferred: Sequence[str]) -> Self:
        """Return the look of `campaign` for one who reads the `preferred` languages."""
        return cls(choose_language(preferred, campaign.languages), brand, campaign.allowed_origins, campaign.accent)

    @property
    def words(self) -> Words:
        """The pages' own words in this language."""
        return words_in(self.language)

    @property
    def marks_ours(self) -> Markup:
        """The attributes of elements that hold the pages' own words."""
        return self.marks(language_of_words(self.language))

    def marks(self, spoken: str) -> Markup:
        """Return the attributes of elements whose text is in the language `spoken`: none if it is the page's."""
        return _marks(spoken, self.language)


@dataclass(frozen=True, slots=True)
class Known:
    """What a page knows of its participant: the prefill's `state`, its `values` by field name, what may be won.

    `of` tells one session from another, should a browser have several tabs.
    """

    state: str = PrefillStatus.NONE
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    gift: str | None = None
    of: str = ""


class PageTemplates:
    """The pages of `app/web/templates`."""

    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=PackageLoader("app.web"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=False,
        )
        self._environment.globals["asset"] = assets.url

    def form(self, look: Look, campaign: Campaign, known: Known) -> web.Response:
        """Return the steps of `campaign` in one page.

        Each form that is made is known by a key of its own, so that it counts once however often it is sent.
        """
        # Another address than the page's own, each time: a link to a step of the same page asks for nothing.
        again = f"/c/{campaign.id}?look={secrets.token_urlsafe(4)}#form"
        return self._page("form.html", look, {**_steps(look, campaign, known), "again": again})

    def frame(self, look: Look, campaign: Campaign) -> web.Response:
        """Return the campaign as a partner's page frames it: the session, and what it says, come by script alone."""
        steps = _steps(look, campaign, Known(PrefillStatus.PENDING))
        chosen = screen_for(campaign, ParticipationReason.TOKEN_REJECTED, (look.language,))
        rejected = {**asdict(chosen.screen), "language": chosen.language}
        shown = rejected if campaign.mode is Mode.REQUIRED else None
        more = {"campaign_id": campaign.id, "origins": look.frame_ancestors, "rejected": shown, "again": None}
        return self._page("frame.html", look, {**steps, **more})

    def message(
        self,
        look: Look,
        title: str,
        message: str,
        *,
        return_url: str | None = None,
        can_try_again: bool = False,
        reference: str = "",
        status: int = 200,
    ) -> web.Response:
        """Return a page that only says something, in our words; `reference` is a code that support can be told.

        Trying again is asking for the same address, which the page does not say: it may have a token in it.
        """
        said = {"title": title, "message": message, "return_url": return_url, "marks": look.marks_ours}
        more = {"can_try_again": can_try_again, "reference": reference}
        return self._page("message.html", look, {**said, **more}, status)

    def screen(self, look: Look, chosen: ChosenScreen, reference: str, status: int = 200) -> web.Response:
        """Return the page of one who may not play, in the campaign's words, else in our neutral ones."""
        said = {**asdict(chosen.screen), "marks": look.marks(chosen.language)}
        more = {"can_try_again": False, "reference": reference}
        return self._page("message.html", look, {**said, **more}, status)

    def _page(self, template: str, look: Look, context: Mapping[str, object], status: int = 200) -> web.Response:
        nonce = secrets.token_urlsafe(16)
        html = self._environment.get_template(template).render(
            **context,
            nonce=nonce,
            language=look.language,
            direction=direction_of(look.language),
            brand=look.brand,
            words=look.words,
            ours=look.marks_ours,
            palette=palette(look.accent) if look.accent else {},
        )
        headers = {
            "Content-Security-Policy": _policy(nonce, look.frame_ancestors),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Content-Language": look.language,
            "Vary": "Accept-Language, Cookie",
        }
        return web.Response(text=html, status=status, content_type="text/html", headers=headers)


def _policy(nonce: str, frame_ancestors: Sequence[str]) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            f"style-src 'nonce-{nonce}'",
            "img-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors " + (" ".join(frame_ancestors) or "'none'"),
        )
    )


def _steps(look: Look, campaign: Campaign, known: Known) -> dict[str, object]:
    path = f"/c/{campaign.id}"
    return {
        "title": campaign.name,
        "path": path,
        "action": f"{path}?play={secrets.token_urlsafe(16)}&of={known.of}",
        "of": known.of,
        "gift": known.gift,
        "state": known.state,
        "fields": [_view(field_, look, known.values) for field_ in campaign.form],
        "deadline": campaign.prefill_deadline.total_seconds(),
        "prefill_words": prefill_words(look.language, look.brand),
    }


def _marks(spoken: str, around: str) -> Markup:
    """Return the attributes of an element whose text is in the language `spoken`, within one that is in `around`."""
    direction = direction_of(spoken)
    if primary_of(around) == primary_of(spoken) and direction_of(around) == direction:
        return Markup()
    return Markup(' lang="{}" dir="{}"').format(spoken, direction)


def _view(form_field: FormField, look: Look, values: Mapping[str, str]) -> FieldView:
    label = text_in(form_field.label, look.language)
    return FieldView(
        name=form_field.name,
        label=label.text,
        marks=look.marks(label.language),
        marks_ours=_marks(language_of_words(look.language), label.language),
        type=form_field.type,
        autocomplete=form_field.autocomplete,
        required=form_field.required,
        is_wide=form_field.type in _WIDE_TYPES,
        value=values.get(form_field.name, ""),
    )
