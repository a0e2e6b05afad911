"""A Chromium that blocks third-party cookies, as browsers do by and by, on the `vestibule up` of this folder."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from tests.browser.conftest import FLAGS
from tests.browser.embed.stand import Stand
from tests.cli.up_run import VESTIBULE, Run

MORE_FLAGS = (
    "--test-third-party-cookie-phaseout",
    # The tests make up partners' pages, which then count as coming from nowhere, and may not ask a loopback address.
    "--disable-features=LocalNetworkAccessChecks",
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stand(run: Run, chromium: Path) -> AsyncIterator[Stand]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *MORE_FLAGS])
        yield Stand(run, launched)
        await launched.close()


@pytest.fixture(scope="session")
def open_campaign(run: Run) -> str:
    """Return the id of a campaign of the demo partner that everybody may play."""
    folder = run.process.log.parent
    environ = {"PATH": os.environ["PATH"], "VESTIBULE_DATA_DIR": str(folder / "data")}
    environ["VESTIBULE_PRIVATE_URL_CIDRS"] = "127.0.0.0/8"
    origin = run.demo.rstrip("/").replace("127.0.0.1", "localhost")
    document = {
        "partner_id": "demo",
        "name": "Open to all",
        "mode": "optional",
        "allowed_origins": [origin],
        "form": [{"name": "firstname", "label": {"en": "First name"}, "autocomplete": "given-name"}],
    }
    file = folder / "open.json"
    file.write_text(json.dumps(document))
    subprocess.run([VESTIBULE, "campaign", "put", "open", file], cwd=folder, env=environ, check=True)
    return "open"
