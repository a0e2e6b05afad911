"""A running service does what its own document says: schemathesis, with good data and bad, finds nothing."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.journey.calls import call
from tests.journey.client import Management, Participants
from tests.journey.deployment import ADMIN_ID, ADMIN_SECRET, Deployment

pytestmark = pytest.mark.journey

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
WITHIN_SECONDS = 240
"""It takes half a minute on two idle cores."""
LEAST_CASES = 1000


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    started = Deployment.start(tmp_path / "service", {}, roles=("web",))
    yield started
    started.stop()


def example(deployment: Deployment, path: str) -> Mapping[str, object]:
    """Return the document that the interface gives as an example at that path."""
    document = call("GET", f"{deployment.url}/openapi.json").json()
    content = document["paths"][path]["put"]["requestBody"]["content"]["application/json"]
    found: Mapping[str, object] = content["examples"]["example"]["value"]
    return found


@pytest.mark.timeout(WITHIN_SECONDS + 60)
def test_schemathesis_finds_nothing_in_a_running_service(deployment: Deployment, tmp_path: Path) -> None:
    management = Management.authorize(deployment.url, ADMIN_ID, ADMIN_SECRET)
    management.store("partners", "acme", example(deployment, "/v1/partners/{partner_id}"))
    management.store("campaigns", "945645", example(deployment, "/v1/campaigns/{campaign_id}"))
    management.store("campaigns", "open", {"partner_id": "acme", "name": "Open", "mode": "optional"})
    visit = Participants(deployment.url).arrive("open", None)

    told = schemathesis(
        deployment.url,
        tmp_path,
        ACCESS_TOKEN=management.bearer,
        SESSION_ID=visit.id,
        SESSION_KEY=visit.key,
        CLIENT_ID=ADMIN_ID,
        CLIENT_SECRET=ADMIN_SECRET,
    )

    operations = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", told)
    assert operations is not None
    assert len(set(operations.groups())) == 1, told
    generated = re.search(r"(\d+) generated", told)
    assert generated is not None
    assert int(generated[1]) >= LEAST_CASES, told
    log = deployment.logs()["web"]
    assert '"level":"error"' not in log
    assert "Traceback" not in log


def schemathesis(url: str, folder: Path, **environment: str) -> str:
    """Run schemathesis against the service; return what it said, fail if it found something."""
    program = str(Path(sys.executable).with_name("schemathesis"))
    finished = subprocess.run(
        [program, "--config-file", str(CONFIGURATION), "run", "--no-color", f"{url}/openapi.json"],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_SECONDS,
    )
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr[-2_000:]
    return finished.stdout
