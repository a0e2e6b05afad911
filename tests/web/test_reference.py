"""`/docs`: everything that the document says is on the page, which needs nothing but its own origin."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from app.web.problems import STATUSES, code_of
from tests.web.conforming import ConformingClient, interface
from tests.web.documented import public_app

PAGES: Final = ("/docs", "/docs/problems")


class Page(HTMLParser):
    """What a page refers to, what its places are called, which elements it has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.add(tag)
        self.attributes |= said.keys()
        self.links += [value for name in ("href", "src") if (value := said.get(name)) is not None]
        if identifier := said.get("id"):
            self.ids.append(identifier)


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[ConformingClient]:
    async with ConformingClient(TestServer(public_app(tmp_path))) as client:
        yield client


async def page(http: ConformingClient, path: str) -> Page:
    return Page(await (await http.get(path)).text())


@pytest.mark.parametrize("path", PAGES)
async def test_page_lets_nothing_in_and_nobody_frame_it(http: ConformingClient, path: str) -> None:
    answer = await http.get(path)

    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.content_type == "text/html"


@pytest.mark.parametrize("path", PAGES)
async def test_page_needs_no_script_and_nothing_from_elsewhere(http: ConformingClient, path: str) -> None:
    shown = await page(http, path)

    assert shown.tags.isdisjoint({"script", "iframe", "form", "style"})
    assert shown.attributes.isdisjoint({"style", "onclick", "onload"})
    assert [link for link in shown.links if not re.match(r"/[^/]|#", link)] == []


@pytest.mark.parametrize("path", PAGES)
async def test_links_of_the_page_lead_somewhere(http: ConformingClient, path: str) -> None:
    pages = {each: await page(http, each) for each in PAGES}

    for link in set(pages[path].links):
        target, _, anchor = link.partition("#")
        if anchor:
            assert anchor in pages[target or path].ids, link
        else:
            assert (await http.get(target)).status == 200, link
    assert len(pages[path].ids) == len(set(pages[path].ids))


async def test_page_shows_every_operation_and_every_model(http: ConformingClient) -> None:
    shown = await page(http, "/docs")

    operations = {operation.content["operationId"] for operation in interface().operations()}
    models = {f"model-{name}" for name in interface().document["components"]["schemas"]}
    assert operations | models <= set(shown.ids)


async def test_page_of_problems_has_the_place_that_each_type_names(http: ConformingClient) -> None:
    shown = await page(http, "/docs/problems")

    assert {code_of(error) for error in STATUSES} <= set(shown.ids)
