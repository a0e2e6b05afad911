"""What the embed serves: two scripts for pages of any origin, and a frame for those that the campaign allows."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.errors import StoreUnavailable
from app.web.embed_scripts import EmbedScript, load_frame, load_minisite, load_tag
from tests.web.page_stand import CAMPAIGN, HOSTILE, Stand, cookie, page_of, serving

SCRIPTS = [pytest.param(name, id=name) for name in ("tag.js", "minisite.js", "frame.js")]
TAG_LIMIT_BYTES = 5000


def test_tag_fits_into_five_kilobytes_gzipped() -> None:
    assert len(load_tag().gzipped) <= TAG_LIMIT_BYTES


def test_tag_has_no_dependency() -> None:
    assert re.findall(r"^\s*import\b|\bimport\(|importScripts", load_tag().plain.decode(), re.MULTILINE) == []


@pytest.mark.parametrize("load", [load_tag, load_minisite, load_frame])
def test_script_leaves_no_name_in_the_page(load: Callable[[], EmbedScript]) -> None:
    text = load().plain.decode()

    assert text.startswith("(() => {\n")
    assert text.endswith("})();\n")


@pytest.mark.parametrize("name", SCRIPTS)
async def test_script_may_be_loaded_by_any_page_and_is_asked_for_again_soon(name: str) -> None:
    async with serving(Stand()) as client:
        answer = await client.get(f"/embed/v1/{name}", headers={"Origin": "https://anyone.example"})

    assert answer.status == 200
    assert answer.content_type == "text/javascript"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=300, stale-while-revalidate=86400"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        pytest.param("gzip, br", "gzip", id="gzip"),
        pytest.param("br;q=1.0, gzip;q=0.5", "gzip", id="gzip-less-wanted"),
        pytest.param("br", None, id="another"),
        pytest.param("gzip;q=0", None, id="gzip-refused"),
        pytest.param("", None, id="none"),
    ],
)
async def test_script_is_compressed_for_those_who_take_it_so(accepted: str, coding: str | None) -> None:
    async with serving(Stand()) as client:
        answer = await client.get("/embed/v1/tag.js", headers={"Accept-Encoding": accepted})
        text = await answer.text()

    assert answer.headers.get("Content-Encoding") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert text == load_tag().plain.decode()


@pytest.mark.parametrize("accepted", [pytest.param("gzip", id="gzip"), pytest.param("", id="plain")])
async def test_script_that_the_browser_has_is_not_sent_again(accepted: str) -> None:
    headers = {"Accept-Encoding": accepted}

    async with serving(Stand()) as client:
        first = await client.get("/embed/v1/tag.js", headers=headers)
        known = {**headers, "If-None-Match": f'"other", W/{first.headers["ETag"]}'}
        second = await client.get("/embed/v1/tag.js", headers=known)
        body = await second.read()

    assert (second.status, body) == (304, b"")
    assert second.headers["ETag"] == first.headers["ETag"]


async def test_frame_may_be_framed_by_the_origins_of_its_campaign_alone() -> None:
    async with serving(Stand()) as client:
        answer = await client.get("/embed/v1/frame/spring")
        html = await answer.text()

    policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200
    assert "frame-ancestors https://www.acme.example" in policy
    assert re.search(r"script-src 'nonce-[\w-]{20,}'(;|$)", policy)
    assert "unsafe" not in policy
    assert "data-origins='[\"https://www.acme.example\"]'" in html
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_frame_of_a_campaign_without_origins_cannot_be_framed() -> None:
    stand = Stand({CAMPAIGN.id: replace(CAMPAIGN, allowed_origins=())})

    async with serving(stand) as client:
        answer = await client.get("/embed/v1/frame/spring")

    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_frame_is_the_same_with_a_session_in_a_cookie() -> None:
    nonce = re.compile(r'nonce="[^"]+"|play=[\w-]+')

    async with serving(Stand()) as client:
        without = await (await client.get("/embed/v1/frame/spring")).text()
        answer = await client.get("/embed/v1/frame/spring", headers=cookie())
        with_one = await answer.text()

    assert nonce.sub("", with_one) == nonce.sub("", without)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [
        pytest.param("?lang=fr", "en", "fr", id="the-elements"),
        pytest.param("?lang=fr-CA", "en", "fr", id="the-elements-base"),
        pytest.param("?lang=nl", "fr", "fr", id="the-browsers"),
        pytest.param("", "", "en", id="the-campaigns"),
        pytest.param("?lang=%22%3E%3Cscript%3E", "", "en", id="nonsense"),
    ],
)
async def test_frame_speaks_the_language_of_the_page_around_it(query: str, accepted: str, language: str) -> None:
    async with serving(Stand()) as client:
        answer = await client.get(f"/embed/v1/frame/spring{query}", headers={"Accept-Language": accepted})
        html = await answer.text()

    assert answer.headers["Content-Language"] == language
    assert f'<html lang="{language}">' in html


async def test_frame_escapes_what_a_campaign_says() -> None:
    stand = Stand({CAMPAIGN.id: replace(CAMPAIGN, name=HOSTILE)})

    async with serving(stand) as client:
        answer = await client.get("/embed/v1/frame/spring")
        html = await answer.text()
        page = await page_of(answer)

    assert HOSTILE not in html
    assert "alert('x')" in page.text


async def test_frame_of_an_unknown_campaign_is_not_found() -> None:
    async with serving(Stand()) as client:
        answer = await client.get("/embed/v1/frame/nonsense")

    assert answer.status == 404
    assert answer.content_type == "text/html"


async def test_frame_while_the_store_is_away_says_when_to_come_again() -> None:
    async with serving(Stand(trouble=StoreUnavailable("away"))) as client:
        answer = await client.get("/embed/v1/frame/spring")

    assert answer.status == 503
    assert answer.headers["Retry-After"]


def test_minisites_words_are_there_in_every_language_of_the_pages() -> None:
    (words,) = re.findall(r"^const WORDS = (.*);$", load_minisite().plain.decode(), re.MULTILINE)

    spoken = json.loads(words)
    assert set(spoken) == {"en", "fr", "de"}
    assert {frozenset(texts) for texts in spoken.values()} == {frozenset(spoken["en"])}
