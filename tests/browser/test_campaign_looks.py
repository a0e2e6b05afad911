"""How the campaign's page looks with what a campaign or a token may bring: a long gift, any colour, any script."""

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from app.domain.campaign import FormField
from tests.browser.spa import settled, spa
from tests.browser.visits import DESKTOP, visiting

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SIZES: tuple[ViewportSize, ...] = ({"width": 360, "height": 740}, {"width": 1280, "height": 800})
SHORT = "A spa day for two"
LONG = (
    "A weekend for two at the spa by the lake, with breakfast, the evening programme, a trip by boat and, "
    "if the weather allows, a night outside."
)
WORD = "W" * 116
ENDLESS = ("x" * 23 + " ") * 42
CUT_OFF = """(card) => {
  const box = card.getBoundingClientRect();
  return [...card.querySelectorAll("p")].filter((text) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    return [...range.getClientRects()].some(({ left, top, right, bottom }) =>
      left < box.left || top < box.top || right > box.right || bottom > box.bottom);
  }).map(({ textContent }) => textContent);
}"""
"""Passes the texts on the card of which a part lies beyond its edge, where it is cut off."""
EDGE = """(button) => {
  const { borderTopWidth, borderTopColor, borderTopStyle, backgroundColor } = getComputedStyle(button);
  return [borderTopStyle, parseFloat(borderTopWidth) > 0, borderTopColor, backgroundColor];
}"""
SIDEWAYS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def open_card(page: Page) -> None:
    await page.get_by_role("button", name="Or show it at once").click()
    await expect(page.locator(".ticket")).to_have_class("ticket is-open")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size['width']}-wide")
@pytest.mark.parametrize(
    "gift",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(LONG, id="long"),
        pytest.param(WORD, id="one-word"),
        pytest.param(ENDLESS, id="as-long-as-it-may-be"),
    ],
)
async def test_card_holds_the_whole_of_what_the_token_promises(browser: Browser, gift: str, size: ViewportSize) -> None:
    async with spa(settled(gift=gift)) as (_, address), visiting(browser, size) as visit:
        await visit.page.goto(f"{address}#game")
        await open_card(visit.page)

        assert await visit.page.locator(".ticket").evaluate(CUT_OFF) == []
        assert not await visit.page.evaluate(SIDEWAYS)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size['width']}-wide")
async def test_card_without_scripts_holds_the_whole_of_what_the_token_promises(
    browser: Browser, size: ViewportSize
) -> None:
    async with spa(settled(gift=LONG)) as (_, address), visiting(browser, size, with_scripts=False) as visit:
        await visit.page.goto(address)
        await visit.page.locator("summary").click()

        assert await visit.page.locator(".prize").evaluate(CUT_OFF) == []


async def test_card_with_a_short_gift_keeps_its_shape(browser: Browser) -> None:
    async with spa(settled(gift=SHORT)) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#game")
        box = await visit.page.locator(".ticket").bounding_box()

    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(9 / 5, rel=0.01)


@pytest.mark.parametrize(
    ("accent", "edge"),
    [
        pytest.param("#ffffff", "rgb(142, 142, 142)", id="white"),
        pytest.param("#6d3bbf", "rgb(109, 59, 191)", id="dark-enough"),
    ],
)
async def test_button_can_be_told_from_the_card_in_any_colour(browser: Browser, accent: str, edge: str) -> None:
    async with spa(settled(), accent=accent) as (_, address), visiting(browser) as visit:
        await visit.page.goto(f"{address}#form")
        button = visit.page.get_by_role("button", name="Take part")
        fill = f"rgb({', '.join(str(int(accent[at : at + 2], 16)) for at in (1, 3, 5))})"

        assert await button.evaluate(EDGE) == ["solid", True, edge, fill]
        await visit.photograph(f"edge-{accent[1:]}")


async def test_page_of_a_language_written_from_right_to_left_is_laid_out_so(browser: Browser) -> None:
    arabic = {
        "name": "اربح يوما في المنتجع",
        "languages": ("ar",),
        "form": (FormField("firstname", {"ar": "الاسم"}, required=True), FormField("lastname", {"ar": "اللقب"})),
    }
    async with spa(settled(gift="يوم لشخصين"), **arabic) as (_, address), visiting(browser) as visit:
        page = visit.page
        await page.goto(address)
        await visit.photograph("right-to-left-welcome")
        await page.get_by_role("link", name="Start").click()
        await expect(page.get_by_text("Rub the foil away")).to_have_attribute("lang", "en")
        await expect(page.get_by_role("button", name="Or show it at once")).to_have_attribute("dir", "ltr")
        await open_card(page)
        await visit.photograph("right-to-left-won")
        await page.set_viewport_size(DESKTOP)
        await page.get_by_role("link", name="Go on").click()
        await expect(page.get_by_role("status")).to_have_text("Filled in from ACME")
        first, second = [await page.get_by_label(name).bounding_box() for name in ("الاسم", "اللقب")]

        assert await page.locator("[lang='']").count() == 0
        assert first is not None
        assert second is not None
        assert first["x"] > second["x"]
        await visit.photograph("right-to-left")
