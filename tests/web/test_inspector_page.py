"""The inspector's page as it is served: a policy that holds, scripts of our own alone, nothing that stores or leaks."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from app.domain.reason_guide import EXPLANATIONS
from app.web.assets import load_assets
from app.web.inspector_page import InspectorPage
from app.web.openapi.pages import SERVE_ASSET
from app.web.routes import build_application

Http = TestClient[web.Request, web.Application]
PAGES = ["/inspect", "/inspect/reasons"]
SCRIPTS = [
    entry for entry in files("app.web").joinpath("static").iterdir() if re.fullmatch(r"inspect.*\.js", entry.name)
]


@pytest_asyncio.fixture
async def http() -> AsyncIterator[Http]:
    assets = load_assets()
    routes: list[Any] = [*InspectorPage.of(assets).routes(), web.get(SERVE_ASSET.path, assets.serve)]
    async with TestClient(TestServer(build_application(routes, lambda *_: None))) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_inspector_page_lets_nothing_in_but_what_bears_its_nonce(http: Http, path: str) -> None:
    answer = await http.get(path)
    html = await answer.text()

    policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    nonce = policy["script-src"].removeprefix("'nonce-").removesuffix("'")
    assert answer.status == 200
    assert policy == {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": f"'nonce-{nonce}'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert len(nonce) >= 22
    assert len(re.findall(r"<(?:script|link rel=\"stylesheet\")", html)) == html.count(f'nonce="{nonce}"')
    assert re.findall(r"<style|<script>|\son[a-z]+=|\sstyle=|javascript:", html) == []
    assert re.findall(r"https?://(?!YOUR-HOST)", html) == []


@pytest.mark.parametrize("path", PAGES)
async def test_inspector_page_is_kept_nowhere_and_says_to_nobody_where_one_came_from(http: Http, path: str) -> None:
    first, second = await http.get(path), await http.get(path)

    headers = first.headers
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert (headers["X-Content-Type-Options"], headers["Cross-Origin-Opener-Policy"]) == ("nosniff", "same-origin")
    assert "Set-Cookie" not in headers
    assert headers["Content-Security-Policy"] != second.headers["Content-Security-Policy"]


async def test_inspector_page_names_files_that_are_served(http: Http) -> None:
    html = await (await http.get("/inspect")).text()

    addresses = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)

    assert len(addresses) == len(SCRIPTS) + 3
    assert {(await http.get(address)).status for address in addresses} == {200}


async def test_reasons_page_has_an_anchor_for_each_reason(http: Http) -> None:
    html = await (await http.get("/inspect/reasons")).text()

    anchors = re.findall(r'<h3 id="(\w+)">', html)

    assert anchors == [str(reason) for reasons in EXPLANATIONS.values() for reason in reasons]
    assert "`" not in html


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_inspector_script_stores_nothing_and_makes_no_markup_of_text(script: Any) -> None:
    source = script.read_text()

    used = re.findall(
        r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\.|serviceWorker|sendBeacon|postMessage"
        r"|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|location\.|history\.|console\.",
        source,
    )

    assert used == []
