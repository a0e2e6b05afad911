"""One visit of a test to a page: where it looks from, the pictures it leaves, and what must never come up meanwhile."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize

ARTEFACTS: Final = Path(__file__).parents[2] / "artefacts"
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
SIZES: Final = {"desktop": DESKTOP, "phone": PHONE}
AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
FINDINGS: Final = """() => axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)))"""
ANSWERED: Final = re.compile(r"Failed to load resource: the server responded with a status of (403|404|409|503) \(.*\)")
"""What Chromium says on the console of every answer that is not a success: the page that it shows says the same."""


@dataclass(slots=True)
class Visit:
    """A browser of its own; `troubles` is what its console said, violations of the page's policy among it."""

    context: BrowserContext
    page: Page
    with_scripts: bool
    troubles: list[str] = field(default_factory=list)

    async def open_tab(self) -> Page:
        """Open one more page, watched as the first."""
        return self._watched(await self.context.new_page())

    async def photograph(self, name: str) -> None:
        """Leave a picture at each size, and have axe find nothing: where scripts run, since it is one."""
        ARTEFACTS.mkdir(exist_ok=True)
        if self.with_scripts:
            await self.page.evaluate(AXE)
        for size, viewport in SIZES.items():
            await self.page.set_viewport_size(viewport)
            await self.page.screenshot(
                path=ARTEFACTS / f"{name}-{size}.png", full_page=True, animations="disabled", caret="initial"
            )
            if self.with_scripts:
                assert await self.page.evaluate(FINDINGS) == []

    def _watched(self, page: Page) -> Page:
        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        return page


@asynccontextmanager
async def visiting(
    browser: Browser, size: ViewportSize = DESKTOP, *, locale: str = "en-GB", with_scripts: bool = True
) -> AsyncIterator[Visit]:
    """Open a browser of its own until the test is over; its console must have said nothing."""
    async with await browser.new_context(
        viewport=size, locale=locale, java_script_enabled=with_scripts, has_touch=size is PHONE
    ) as context:
        visit = Visit(context, await context.new_page(), with_scripts)
        visit._watched(visit.page)
        yield visit
        assert [trouble for trouble in visit.troubles if not ANSWERED.fullmatch(trouble)] == []
