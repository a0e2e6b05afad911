"""A Chromium that blocks third-party cookies, as browsers do by and by, on the `vestibule up` of this folder."""

import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from app.demo.documents import campaign_document
from app.web.campaign_cache import FRESH_SECONDS
from tests.browser.conftest import FLAGS
from tests.browser.embed.partner_pages import serving_pages
from tests.browser.embed.stand import Stand
from tests.cli.up_run import VESTIBULE, Run
from tests.servers.process import free_port

MORE_FLAGS = (
    "--test-third-party-cookie-phaseout",
    # In the place of Playwright's own list, under which third-party cookies are let through.
    "--disable-features=LocalNetworkAccessChecks",
)


@pytest.fixture(scope="session")
def partner_port(run: Run) -> int:
    """Return a port for the partner's own pages, whose origin the demo's campaign allows like the demo's own."""
    port = free_port()
    demo = run.demo.rstrip("/")
    origins = (demo, demo.replace("127.0.0.1", "localhost"), f"http://localhost:{port}")
    put_campaign(run, "demo", campaign_document(f"{demo}/", origins))
    return port


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stand(run: Run, chromium: Path, partner_port: int) -> AsyncIterator[Stand]:
    async with async_playwright() as playwright, serving_pages(partner_port) as pages:
        launched = await playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *MORE_FLAGS])
        yield Stand(run, launched, pages)
        await launched.close()


@pytest.fixture(scope="session")
def open_campaign(run: Run, partner_port: int) -> str:
    """Return the id of a campaign of the demo partner that everybody may play."""
    document = {
        "partner_id": "demo",
        "name": "Open to all",
        "mode": "optional",
        "allowed_origins": [f"http://localhost:{partner_port}"],
        "form": [{"name": "firstname", "label": {"en": "First name"}, "autocomplete": "given-name"}],
    }
    put_campaign(run, "open", document)
    return "open"


def put_campaign(run: Run, id_: str, document: Mapping[str, object]) -> None:
    """Store a campaign, and wait until each web process goes by it."""
    folder = run.process.log.parent
    environ = {"PATH": os.environ["PATH"], "VESTIBULE_DATA_DIR": str(folder / "data")}
    environ["VESTIBULE_PRIVATE_URL_CIDRS"] = "127.0.0.0/8"
    file = folder / f"{id_}.json"
    file.write_text(json.dumps(document))
    subprocess.run([VESTIBULE, "campaign", "put", id_, file], cwd=folder, env=environ, check=True)
    time.sleep(FRESH_SECONDS)
