"""Static files: read once, addressed by their content, so that browsers may keep them for ever."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from aiohttp import web

from app.errors import NotFound

_HASH_CHARACTERS: Final = 12
_TYPES: Final[Mapping[str, str]] = {
    "woff2": "font/woff2",
    "svg": "image/svg+xml",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
}
"""By extension; style sheets come last, since they name other files."""
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """The static files by their addressed name, e.g. `campaign.3f2a91bc04d1.css`; `names` maps the plain one to it."""

    names: Mapping[str, str]
    files: Mapping[str, _File]

    def url(self, name: str) -> str:
        """Return the address of the file called `name`."""
        return f"/static/{self.names[name]}"

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a file; raise NotFound for a name that is none, such as that of an earlier content."""
        file = self.files.get(request.match_info["file"])
        if file is None:
            raise NotFound
        headers = {"Cache-Control": _FOR_EVER, "Cross-Origin-Resource-Policy": "same-origin"}
        return web.Response(body=file.content, headers={"Content-Type": file.type, **headers})


def load_assets() -> Assets:
    """Read the files of `app/web/static`."""
    names: dict[str, str] = {}
    by_name: dict[str, _File] = {}
    order = list(_TYPES)
    entries = [entry for entry in files("app.web").joinpath("static").iterdir() if _extension(entry.name) in _TYPES]
    for entry in sorted(entries, key=lambda entry: order.index(_extension(entry.name))):
        extension = _extension(entry.name)
        content = entry.read_bytes()
        if extension == "css":
            for name, addressed in names.items():
                content = content.replace(f'url("{name}")'.encode(), f'url("{addressed}")'.encode())
        digest = hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS]
        addressed = f"{entry.name.removesuffix(extension)}{digest}.{extension}"
        names[entry.name] = addressed
        by_name[addressed] = _File(content, _TYPES[extension])
    return Assets(names, by_name)


def _extension(name: str) -> str:
    return name.rpartition(".")[2]
