"""The document of the interface, as the composed process makes it, and what conforms to it."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.settings import Settings
from app.web.server import build

_ROOT: Final = "urn:openapi"


def public_app(data_dir: Path) -> web.Application:
    """Return what the composed process serves on its public port; it has no database yet, and is not started."""
    process = build(Settings(data_dir=data_dir, port=0, admin_port=0))
    [public] = [site for site in process.sites._sites if site.name == "public port"]
    process.database.dispose()
    return public.app


def document_of(app: web.Application) -> dict[str, Any]:
    """Return the document that `app` serves."""

    async def fetch() -> dict[str, Any]:
        async with TestClient(TestServer(app)) as http, http.get("/openapi.json") as answer:
            document: dict[str, Any] = await answer.json()
            return document

    return asyncio.run(fetch())


def served_routes(app: web.Application) -> list[tuple[str, str]]:
    """Return method and pattern of everything that `app` serves."""
    return [(route.method, route.resource.canonical) for route in app.router.routes() if route.resource]


@dataclass(frozen=True, slots=True)
class Described:
    """An operation of the document, and where it stands."""

    method: str
    path: str
    content: Mapping[str, Any]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return what the path of a call to it looks like."""
        return re.compile("".join(r"[^/]+" if part.startswith("{") else re.escape(part) for part in _parts(self.path)))

    @property
    def place(self) -> tuple[str, ...]:
        """Return the steps that lead to it."""
        return "paths", self.path, self.method.lower()


class Documented:
    """A document, and the schemas in it by where they stand."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._registry = Registry().with_resource(_ROOT, DRAFT202012.create_resource(document))

    def operations(self) -> Iterator[Described]:
        """Yield every operation."""
        for path, item in self.document["paths"].items():
            for method, content in item.items():
                yield Described(method.upper(), path, content)

    def resolve(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what `found` refers to, or itself."""
        target: Mapping[str, Any] = self.document
        if "$ref" not in found:
            return found
        for step in found["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return target

    def mistakes(self, value: object, *steps: str) -> list[str]:
        """Return what is wrong with `value` by the schema that stands at `steps`."""
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
        formats = Draft202012Validator.FORMAT_CHECKER
        schema = {"$ref": f"{_ROOT}#{pointer}"}
        validator = Draft202012Validator(schema, registry=self._registry, format_checker=formats)
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def _parts(path: str) -> list[str]:
    return re.split(r"(\{[a-z_]+\})", path)
