"""Two ingresses on one port, as the guide of capacity has it: both serve, and one that ends takes nobody's answer."""

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.journey.calls import call
from tests.journey.client import Participants
from tests.journey.deployment import commands
from tests.journey.scene import Stage
from tests.servers.process import OwnProcess, free_port

pytestmark = pytest.mark.journey

ARRIVALS = 40
"""On a connection each, which the kernel spreads: that one process gets none of them has a chance of 1 in 2^39."""


@contextmanager
def ingress(stage: Stage, folder: Path, port: int) -> Iterator[tuple[OwnProcess, str]]:
    """Start one more ingress of the stage on `port`; give its process and its admin address."""
    folder.mkdir()
    admin_port = free_port()
    named = {"VESTIBULE_PORT": str(port), "VESTIBULE_ADMIN_PORT": str(admin_port)}
    command = [*shlex.split(commands()["web"]), "--reuse-port"]
    process = OwnProcess.start(command, folder, {**stage.deployment.environment("web"), **named})
    admin_url = f"http://127.0.0.1:{admin_port}"
    try:
        process.wait_until(lambda: _is_ready(admin_url))
        yield process, admin_url
    finally:
        process.end()


def test_two_ingresses_on_one_port_share_the_arrivals_and_one_of_them_may_end(stage: Stage, tmp_path: Path) -> None:
    scene, port = stage.scene(), free_port()
    participants = Participants(f"http://127.0.0.1:{port}")
    token = scene.signer.sign({})
    with (
        ingress(stage, tmp_path / "first", port) as (first, first_admin),
        ingress(stage, tmp_path / "second", port) as (_, second_admin),
    ):
        spread = [participants.post(scene.campaign_id, {"token": token}).status for _ in range(ARRIVALS)]
        served = [_answered(admin_url) for admin_url in (first_admin, second_admin)]
        first.end(signal.SIGTERM)
        left = [participants.post(scene.campaign_id, {"token": token}).status for _ in range(ARRIVALS)]

        assert spread == [202] * ARRIVALS
        assert sum(served) == ARRIVALS
        assert min(served) > 0
        assert left == [202] * ARRIVALS
        assert _answered(second_admin) == served[1] + ARRIVALS


def _is_ready(admin_url: str) -> bool:
    try:
        return call("GET", f"{admin_url}/health/ready").status == 200
    except ConnectionError:
        return False


def _answered(admin_url: str) -> int:
    """Return how many arrivals an ingress says that it answered with 202."""
    lines = call("GET", f"{admin_url}/metrics").body.decode().splitlines()
    wanted = [line for line in lines if line.startswith("vestibule_requests_total{") and 'status="202"' in line]
    return sum(int(float(line.rpartition(" ")[2])) for line in wanted)
