"""The reference in a real Chromium: one finds an operation by its link, on a desk and on a phone, in light and dark."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, ViewportSize, expect

from tests.cli.up_run import Run

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS = Path(__file__).parents[2] / "artefacts"


@pytest.mark.parametrize(
    ("name", "size", "is_dark"),
    [
        pytest.param("desk", (1280, 900), False, id="desk"),
        pytest.param("desk-dark", (1280, 900), True, id="desk-dark"),
        pytest.param("phone", (390, 844), False, id="phone"),
    ],
)
async def test_reference_leads_to_an_operation_and_needs_nothing_else(
    run: Run, browser: Browser, name: str, size: tuple[int, int], *, is_dark: bool
) -> None:
    troubles: list[str] = []
    asked: list[str] = []
    origin = run.link.partition("/c/")[0]
    viewport: ViewportSize = {"width": size[0], "height": size[1]}

    async with await browser.new_context(
        viewport=viewport, java_script_enabled=False, color_scheme="dark" if is_dark else "light"
    ) as context:
        page = await context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"{origin}/docs")
        await page.get_by_role("navigation").get_by_role("link", name="Create or replace a partner").click()
        section = page.locator("#putPartner")
        await expect(section).to_be_in_viewport()
        await expect(section.get_by_text("partners:write")).to_be_visible()
        ARTEFACTS.mkdir(exist_ok=True)
        await page.screenshot(path=ARTEFACTS / f"reference-{name}.png")

    assert troubles == []
    assert [url for url in asked if not url.startswith(origin)] == []
