"""A page is in its campaign's language and written that way round; words in another say so where they stand."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from app.domain.campaign import FormField, Screen
from app.domain.participation import TOKEN_REJECTED, Verdict
from app.domain.session import Outcome, Stage, TokenStatus
from app.reasons import ParticipationReason, TokenReason
from tests.web.page_stand import CAMPAIGN, READY, Stand, accepted, cookie, serving, session_with

MARK = ' lang="en" dir="ltr"'
ENGLISH = ("en", "ltr")
ARABIC = replace(
    CAMPAIGN,
    name="الربيع",
    languages=("ar",),
    screens={"ar": {ParticipationReason.LIMIT_REACHED: Screen("شاركت من قبل", "إلى اللقاء.", "https://acme.example/")}},
    form=(FormField("firstname", {"ar": "الاسم"}), FormField("news", {"ar": "الأخبار"}, type="checkbox")),
)
LIMIT_REACHED = Verdict(allowed=False, reason=ParticipationReason.LIMIT_REACHED, remaining=0)
BARRED = accepted(READY, LIMIT_REACHED)
REJECTED = Outcome(TokenStatus.REJECTED, TOKEN_REJECTED, TokenReason.TOKEN_EXPIRED)


class Spoken(HTMLParser):
    """Which language and direction each text of a page is in, as its nearest element says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: dict[str, tuple[str | None, str | None]] = {}
        self._open: list[tuple[str, str | None, str | None]] = [("", None, None)]
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said, (_, lang, direction) = dict(attrs), self._open[-1]
        if tag not in {"meta", "link", "input"}:
            self._open.append((tag, said.get("lang", lang), said.get("dir", direction)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts[data.strip()] = self._open[-1][1:]


@pytest.mark.parametrize(
    ("language", "html"),
    [
        pytest.param("ar", '<html lang="ar" dir="rtl">', id="right-to-left"),
        pytest.param("fr", '<html lang="fr">', id="left-to-right"),
    ],
)
async def test_page_says_its_language_and_which_way_it_is_written(language: str, html: str) -> None:
    stand = Stand({"spring": replace(CAMPAIGN, languages=(language,))}, session=session_with(accepted(READY)))

    async with serving(stand) as client:
        page = await (await client.get("/c/spring", headers=cookie())).text()
        frame = await (await client.get("/embed/v1/frame/spring")).text()

    assert html in page
    assert html in frame


async def test_page_of_a_language_that_we_do_not_speak_marks_our_words_as_english_and_no_others() -> None:
    stand = Stand({"spring": ARABIC}, session=session_with(accepted(READY)))

    async with serving(stand) as client:
        spoken = Spoken(await (await client.get("/c/spring", headers=cookie())).text()).texts

    others = {text: said for text, said in spoken.items() if said != ENGLISH}
    assert others == dict.fromkeys(("ACME", "الربيع", "الاسم", "الأخبار"), ("ar", "rtl"))
    assert {"Start", "Filled in from ACME", "(optional)", "Take part", "You are in!"} < spoken.keys()


async def test_frame_of_a_language_that_we_do_not_speak_marks_our_words_as_english() -> None:
    async with serving(Stand({"spring": ARABIC})) as client:
        html = await (await client.get("/embed/v1/frame/spring")).text()

    assert f'<p class="busy" role="alert"{MARK}' in html
    assert Spoken(html).texts["Thank you!"] == ENGLISH


async def test_page_of_a_session_that_is_not_judged_marks_what_the_script_is_to_say() -> None:
    async with serving(Stand({"spring": ARABIC}, session=session_with(None, Stage.VERIFY))) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()

    assert f'<div class="prefill"{MARK} data-state="pending"' in html


@pytest.mark.parametrize("path", ["/c/spring", "/embed/v1/frame/spring"])
@pytest.mark.parametrize(
    ("language", "spoken"),
    [
        pytest.param("ar", {"First name": ENGLISH, "(optional)": ENGLISH, "Newsletter": ENGLISH}, id="right-to-left"),
        pytest.param(
            "fr", {"First name": ENGLISH, "(facultatif)": ("fr", "ltr"), "Newsletter": ENGLISH}, id="left-to-right"
        ),
        pytest.param("en-GB", dict.fromkeys(("First name", "(optional)", "Newsletter"), ("en-GB", None)), id="alike"),
    ],
)
async def test_labels_in_another_language_than_the_pages_are_marked_with_their_own(
    language: str, spoken: dict[str, tuple[str, str | None]], path: str
) -> None:
    fields = (FormField("firstname", {"en": "First name"}), FormField("news", {"en": "Newsletter"}, type="checkbox"))
    campaign = replace(CAMPAIGN, languages=(language,), form=fields)

    async with serving(Stand({"spring": campaign}, session=session_with(accepted(READY)))) as client:
        texts = Spoken(await (await client.get(path, headers=cookie())).text()).texts

    assert {text: texts[text] for text in spoken} == spoken


@pytest.mark.parametrize("language", ["en", "en-GB", "fr-CH", "DE"])
async def test_page_of_a_language_that_we_speak_marks_nothing(language: str) -> None:
    campaign = replace(CAMPAIGN, languages=(language,), form=(FormField("firstname", {language: "…"}),))
    stand = Stand({"spring": campaign}, session=session_with(accepted(READY)))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()

    assert (html.count(" lang="), html.count(" dir=")) == (1, 0)


@pytest.mark.parametrize(
    ("languages", "outcome", "title", "mark"),
    [
        pytest.param(("ar",), BARRED, "شاركت من قبل", "", id="the-campaigns-own"),
        pytest.param(("fr", "ar"), BARRED, "شاركت من قبل", ' lang="ar" dir="rtl"', id="its-own-in-another"),
        pytest.param(("ar",), REJECTED, "We could not recognise you", MARK, id="ours"),
        pytest.param(("fr",), REJECTED, "Nous n&#39;avons pas pu vous reconnaître", "", id="ours-in-french"),
        pytest.param(("de-AT",), REJECTED, "Wir konnten Sie nicht erkennen", "", id="ours-in-german"),
        pytest.param(("en",), REJECTED, "We could not recognise you", "", id="ours-in-english"),
    ],
)
async def test_screen_is_marked_with_its_language_where_that_is_not_the_pages(
    languages: tuple[str, ...], outcome: Outcome, title: str, mark: str
) -> None:
    stand = Stand({"spring": replace(ARABIC, languages=languages)}, session=session_with(outcome))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers={**cookie(), "Accept-Language": languages[0]})).text()

    assert f"<title{mark}>{title}</title>" in html
    assert f"<h1{mark}>{title}</h1>" in html


async def test_refused_visitor_is_told_so_in_the_language_of_the_page() -> None:
    stand = Stand({"spring": replace(CAMPAIGN, screens={})}, session=session_with(BARRED))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers={**cookie(), "Accept-Language": "fr-CA"})).text()

    assert '<html lang="fr">' in html
    assert "<h1>Vous avez déjà participé</h1>" in html
    assert '<p class="message">Vous avez utilisé toutes vos participations.</p>' in html


async def test_thanks_in_a_language_that_we_do_not_speak_are_marked_as_english() -> None:
    async with serving(Stand({"spring": ARABIC}, session=session_with(accepted(READY)))) as client:
        html = await (await client.get("/c/spring/thanks", headers=cookie())).text()

    spoken = Spoken(html).texts
    assert spoken["Thank you!"] == spoken["You have taken part. Good luck!"] == ENGLISH


@pytest.mark.parametrize(
    ("languages", "own", "told"),
    [
        pytest.param(("fr", "en"), {}, "fr", id="ours"),
        pytest.param(("ar",), {}, "en", id="ours-in-english"),
        pytest.param(("ar", "en"), {"en": {ParticipationReason.TOKEN_REJECTED: Screen("Who?", "…")}}, "en", id="own"),
    ],
)
async def test_frame_knows_the_language_of_its_screen_for_the_unrecognised(
    languages: tuple[str, ...], own: dict[str, dict[ParticipationReason, Screen]], told: str
) -> None:
    campaign = replace(CAMPAIGN, languages=languages, screens=own)

    async with serving(Stand({"spring": campaign})) as client:
        html = await (await client.get("/embed/v1/frame/spring")).text()

    assert f'"language": "{told}"' in html
