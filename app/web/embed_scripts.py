"""The scripts of partners' pages, and of the frame in them: each one file, made of its parts, for pages of any origin.

Their addresses name a version of the contract, not of the file: browsers ask again after some minutes, by ETag.
"""

import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final, Self

from aiohttp import web

from app.web.embed_words import minisite_words

MAX_AGE_SECONDS: Final = 300
"""How long a page may use a script unasked: short, since what is mended must reach every page."""
_TAG_PARTS: Final = ("embed/queue.js", "embed/session.js", "embed/tag.js")
_MINISITE_PARTS: Final = ("embed/queue.js", "embed/session.js", "embed/visit.js", "prefill.js", "embed/minisite.js")
_FRAME_PARTS: Final = ("embed/session.js", "embed/visit.js", "prefill.js", "embed/frame.js")
_HEADERS: Final = {
    "Cache-Control": f"public, max-age={MAX_AGE_SECONDS}, stale-while-revalidate=86400",
    "Access-Control-Allow-Origin": "*",  # for integrity checks, and errors that say where they were
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class EmbedScript:
    """One script, plain and compressed; `digest` names its content."""

    plain: bytes = field(repr=False)
    gzipped: bytes = field(repr=False)
    digest: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the script of this text."""
        plain = text.encode()
        return cls(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:16])

    async def serve(self, request: web.Request) -> web.Response:
        """Answer the script, or that the browser has it."""
        is_gzipped = _takes_gzip(request.headers.get("Accept-Encoding", ""))
        etag = f'"{self.digest}{"-gzip" if is_gzipped else ""}"'
        headers = {**_HEADERS, "ETag": etag}
        if etag in (known.strip().removeprefix("W/") for known in request.headers.get("If-None-Match", "").split(",")):
            return web.Response(status=304, headers=headers)
        if is_gzipped:
            headers["Content-Encoding"] = "gzip"
        body = self.gzipped if is_gzipped else self.plain
        return web.Response(body=body, content_type="text/javascript", charset="utf-8", headers=headers)


def load_tag() -> EmbedScript:
    """Return the JS tag."""
    return EmbedScript.of(_joined([_read(part) for part in _TAG_PARTS]))


def load_minisite() -> EmbedScript:
    """Return the minisite script, with its words in every language."""
    words = f"const WORDS = {json.dumps(minisite_words(), ensure_ascii=False, sort_keys=True)};\n"
    return EmbedScript.of(_joined([words, *(_read(part) for part in _MINISITE_PARTS)]))


def load_frame() -> EmbedScript:
    """Return the script of the document that the JS tag frames."""
    return EmbedScript.of(_joined([_read(part) for part in _FRAME_PARTS]))


def _read(part: str) -> str:
    return files("app.web").joinpath("static", part).read_text(encoding="utf-8")


def _joined(parts: Sequence[str]) -> str:
    """Return one script of its parts, which see each other and which the page does not see."""
    return "".join(('(() => {\n"use strict";\n', *parts, "})();\n"))


def _takes_gzip(accept_encoding: str) -> bool:
    """Tell whether a header says gzip, and not that it is unwanted (RFC 9110 section 12.5.3)."""
    for coding in accept_encoding.lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.strip().removeprefix("q=").strip() not in {"0", "0.0", "0.00", "0.000"}
    return False
