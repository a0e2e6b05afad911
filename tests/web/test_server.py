"""The composed process on the embedded database: it starts, serves, and ends as it should."""

import asyncio
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientResponse, ClientSession
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.adapters.database.engine import open_database
from app.adapters.database.migrate import migrate
from app.cli.wiring import opened
from app.errors import ConfigurationError
from app.settings import Settings, load_settings
from app.steps.secrets import EnsureSecrets
from app.web.server import MANAGEMENT_THREADS, WebProcess, build
from app.web.sites import Sites, run_until_signal
from tests.architecture.sources import ROOT
from tests.web.stage import eventually

KEY, OTHER_KEY = "01" * 32, "02" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    database = open_database(f"sqlite:///{tmp_path / 'vestibule.sqlite3'}", "test")
    migrate(database)
    database.dispose()
    return Settings(data_dir=tmp_path, port=0, admin_port=0, web_grace_seconds=5)


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[tuple[WebProcess, str, str]]:
    process = build(settings)
    (admin_host, admin_port), (host, port) = await process.sites.start()
    try:
        yield process, f"http://{host}:{port}", f"http://{admin_host}:{admin_port}"
    finally:
        await process.sites.stop()
        await process.close()


async def test_process_serves_each_port_its_own(settings: Settings) -> None:
    async with _started(settings) as (_, public, admin), ClientSession() as client:
        statuses = {}
        for path in ("/health/ready", "/metrics", "/v1/partners", "/.well-known/jwks.json"):
            for site in (public, admin):
                async with client.get(site + path) as response:
                    statuses[path, site == admin] = response.status

        assert statuses["/health/ready", True] == 200
        assert statuses["/metrics", True] == 200
        assert statuses["/v1/partners", False] == 401
        assert statuses["/.well-known/jwks.json", False] == 200
        assert statuses["/health/ready", False] == statuses["/metrics", False] == 404
        assert statuses["/v1/partners", True] == 404


@pytest.mark.parametrize(
    ("public_url", "is_told"),
    [pytest.param("https://v.example", True, id="tls"), pytest.param("", False, id="no-tls")],
)
async def test_process_behind_tls_tells_browsers_to_come_by_tls(
    settings: Settings, public_url: str, is_told: bool
) -> None:
    behind = settings.model_copy(update={"public_url": public_url})
    async with _started(behind) as (_, public, _), ClientSession() as client:
        async with client.get(public + "/nothing") as response:
            headers = response.headers.copy()

        assert ("Strict-Transport-Security" in headers) is is_told
        assert headers["Server"] == "vestibule"


async def test_participants_are_served_while_management_calls_hang(settings: Settings) -> None:
    gate = threading.Event()
    async with _started(settings) as (process, public, admin), ClientSession() as client:
        hanging = [asyncio.create_task(process.management_threads.call(gate.wait)) for _ in range(MANAGEMENT_THREADS)]
        await asyncio.sleep(0)
        waiting = [
            asyncio.create_task(_status(client.get(url)))
            for url in (public + "/v1/partners/acme/encryption-keys", admin + "/metrics")
        ]

        assert await _status(client.post(public + "/v1/campaigns/945645/sessions", json={})) == 404
        assert await _status(client.get(admin + "/health/ready")) == 200
        assert not any(task.done() for task in waiting)
        gate.set()

        assert await asyncio.gather(*waiting) == [404, 200]
        assert await asyncio.gather(*hanging) == [True] * MANAGEMENT_THREADS


async def _status(request: AbstractAsyncContextManager[ClientResponse]) -> int:
    async with request as response:
        return response.status


async def test_process_shows_how_the_delivery_is_and_what_its_hints_met(settings: Settings) -> None:
    async with _started(settings) as (_, _, admin), ClientSession() as client, client.get(admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()

    assert 'vestibule_backlog{class="fresh",stage="verify"} 0.0' in lines
    assert "# TYPE vestibule_hints_dropped_total counter" in lines
    assert "vestibule_hints_dropped_total 0.0" in lines


async def test_process_is_what_the_health_check_of_compose_asks_for(settings: Settings, tmp_path: Path) -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["web"]
    unmigrated = Settings(data_dir=tmp_path / "new", port=0, admin_port=0)

    async def look(settings: Settings) -> int | None:
        async with _started(settings) as (_, _, admin):
            command = shlex.split(compose["healthcheck"]["test"].replace("http://127.0.0.1:8081", admin))
            looking = await asyncio.create_subprocess_exec(
                sys.executable, *command[1:], stderr=asyncio.subprocess.DEVNULL
            )
            return await looking.wait()

    assert compose["environment"]["VESTIBULE_ADMIN_HOST"] == "0.0.0.0"
    assert [await look(settings), await look(unmigrated)] == [0, 1]


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        pytest.param(KEY, 200, id="the-same"),
        pytest.param(f"{OTHER_KEY},{KEY}", 200, id="a-new-one-in-front"),
        pytest.param(f"{KEY},{OTHER_KEY}", 200, id="a-new-one-behind"),
        pytest.param(OTHER_KEY, 503, id="another"),
    ],
)
async def test_process_is_ready_with_master_keys_that_open_what_is_sealed(
    settings: Settings, keys: str, status: int
) -> None:
    with opened(settings.model_copy(update={"master_keys": SecretStr(KEY)})) as wiring:
        EnsureSecrets(wiring.secrets, wiring.clock)()
    started = _started(settings.model_copy(update={"master_keys": SecretStr(keys)}))

    async with started as (process, _, admin), ClientSession() as client:
        answered = await _status(client.get(admin + "/health/ready"))
        refusal = None
        try:
            await process.check_master_keys()
        except ConfigurationError as error:
            refusal = str(error)

    assert answered == status
    assert (refusal is not None) is (status == 503)


async def test_process_starts_where_the_database_cannot_tell_whether_its_master_keys_are_right(tmp_path: Path) -> None:
    lost = {"VESTIBULE_DATABASE_URL": "postgresql://127.0.0.1:1/none", "VESTIBULE_MASTER_KEYS": KEY}
    for environment in (lost, {}):
        process = build(load_settings({"VESTIBULE_DATA_DIR": str(tmp_path), **environment}))

        await process.check_master_keys()

        await process.close()


async def test_process_without_migration_is_not_ready(tmp_path: Path) -> None:
    async with _started(Settings(data_dir=tmp_path, port=0, admin_port=0)) as (_, _, admin):
        async with ClientSession() as client, client.get(admin + "/health/ready") as response:
            body = await response.json(content_type=None)

        assert (response.status, body["code"]) == (503, "store_unavailable")


@pytest.mark.parametrize("is_postgres", [False, True], ids=["sqlite", "postgres"])
async def test_process_without_migration_answers_internal_errors_and_logs_why(
    tmp_path: Path, postgres_url: str, is_postgres: bool
) -> None:
    own = {"VESTIBULE_DATABASE_URL": postgres_url, "VESTIBULE_MASTER_KEYS": "01" * 32} if is_postgres else {}
    unmigrated = {"VESTIBULE_DATA_DIR": str(tmp_path), "VESTIBULE_PORT": "0", "VESTIBULE_ADMIN_PORT": "0"}
    started = _started(load_settings({**unmigrated, **own}))
    with capture_logs() as told:
        async with started as (process, public, admin), ClientSession() as client:
            async with client.get(public + "/.well-known/jwks.json") as response:
                body = await response.json(content_type=None)
            figures = await _status(client.get(admin + "/metrics"))
            is_down = process.management_threads.is_down

    failed = [event["error"] for event in told if event["event"] == "request.failed"]
    assert (response.status, body["code"], body["detail"]) == (500, "internal", "Something failed on our side.")
    assert (figures, is_down) == (200, False)
    assert [error.partition(" < ")[0] for error in failed] == ["SchemaOutdated"]


async def test_process_with_a_database_and_a_broker_of_its_own_needs_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = load_settings(
        {
            "VESTIBULE_DATA_DIR": str(tmp_path / "file" / "below"),
            "VESTIBULE_DATABASE_URL": "postgresql://127.0.0.1:1/none",
            "VESTIBULE_BROKER_URL": "redis://127.0.0.1:1/0",
            "VESTIBULE_MASTER_KEYS": "00" * 32,
        }
    )

    await build(settings).close()

    with pytest.raises(ConfigurationError, match="DATA_DIR"):
        build(settings.model_copy(update={"broker_url": ""}))


async def test_process_on_a_taken_port_says_which(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = build(settings.model_copy(update={"port": port}))

        with pytest.raises(ConfigurationError) as refused:
            await process.sites.start()

        assert refused.value.problems == (f"public port: 127.0.0.1:{port} is taken",)
        await process.close()


async def test_process_on_sigterm_stops_listening_and_ends(settings: Settings) -> None:
    process = build(settings)
    with capture_logs() as told:
        running = asyncio.create_task(run_until_signal(process.sites, process.close, 5))
        await eventually(lambda: len(_opened_ports(told)) == 2)

        os.kill(os.getpid(), signal.SIGTERM)

        await asyncio.wait_for(running, 5)
    for port in _opened_ports(told):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()


def _opened_ports(told: Sequence[Mapping[str, Any]]) -> list[int]:
    return [event["port"] for event in told if event["event"] == "site.opened"]


async def test_process_that_cannot_end_is_cut_short() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    sites = Sites([], grace_seconds=1)
    running = asyncio.create_task(run_until_signal(sites, never, 0.05))
    await asyncio.sleep(0)

    os.kill(os.getpid(), signal.SIGTERM)

    await asyncio.wait_for(running, 5)
