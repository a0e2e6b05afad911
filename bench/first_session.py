"""How long `make run` takes to the first prefilled session, on a new data folder, once everything is installed."""

import http.client
import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from bench.figures import Figure
from tests.servers.process import OwnProcess, free_port

_LINK: Final = re.compile(r"with a fresh token +(\S+)")


def first_session_figures(folder: Path) -> list[Figure]:
    """Start it, follow the demo's link, wait until the form is filled."""
    root = Path.cwd()
    subprocess.run(["make", "setup"], check=True, stdout=subprocess.DEVNULL)
    home = folder / "run"
    home.mkdir()
    began = time.monotonic()
    environment = {
        "VESTIBULE_DATA_DIR": str(home / "data"),
        "VESTIBULE_PORT": str(free_port()),
        "VESTIBULE_ADMIN_PORT": str(free_port()),
    }
    running = OwnProcess.start(["make", "-C", root, "run"], home, environment)
    try:
        running.wait_until(lambda: _LINK.search(running.log.read_text()) is not None)
        found = _LINK.search(running.log.read_text())
        _bring(found[1] if found else "")
        seconds = time.monotonic() - began
    finally:
        running.end(signal.SIGTERM)
    return [Figure("make run to first prefilled session, installed", seconds, "s", 10, at_most=True)]


def _bring(link: str) -> None:
    """Bring the link's token to its campaign and wait for the prefill; raise RuntimeError if there is none."""
    parts = urlsplit(link)
    token, campaign_id = parse_qs(parts.query)["token"][0], parts.path.rpartition("/")[2]
    host = f"{parts.hostname}:{parts.port}"
    json_type = {"Content-Type": "application/json"}
    made = _call(host, "POST", f"/v1/campaigns/{campaign_id}/sessions", json_type, json.dumps({"token": token}))
    bearer = {"Authorization": f"Bearer {made['session_key']}"}
    read = _call(host, "GET", f"/v1/sessions/{made['session_id']}?wait=10", bearer)
    if read["prefill"]["status"] != "ready":
        raise RuntimeError(f"the first session is not prefilled: {read['prefill']['status']}")


def _call(host: str, method: str, target: str, headers: dict[str, str], body: str | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        connection.request(method, target, body, headers)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()
