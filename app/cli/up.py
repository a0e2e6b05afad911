"""`vestibule up`: every process of the Procfile on the embedded default, with the demo partner and its campaign.

Decides the order. Where everything listens is `up_plan`'s, that the processes live is the supervisor's.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from time import perf_counter
from typing import Final

import click

from app.adapters.master_keys import load_master_keys
from app.cli.children import Program, Say
from app.cli.data_folder import locked
from app.cli.local_ports import Answer, ask
from app.cli.output import examples, json_option, wants_json
from app.cli.prefixed import PrefixedOutput, UntilUnread, say_json
from app.cli.supervisor import ME, GaveUp, Supervisor
from app.cli.up_plan import (
    DEMO,
    DEMO_HOST,
    ROOT,
    Addresses,
    child_environment,
    choose_addresses,
    demo_program,
    load_programs,
)
from app.demo.documents import CAMPAIGN_ID
from app.settings import PREFIX, Settings, load_settings

FIRST_LINK: Final = "/go/token-data"
"""Where the demo partner mints the token of the address that is printed."""
_POLL_SECONDS: Final = 0.05
_RELEASE: Final = "release"
_LATER: Final = frozenset({"upkeep", "beat"})
"""They sweep and purge, which nobody waits for: the machine belongs to the others until the page is there."""


@click.command(epilog=examples("vestibule up", "VESTIBULE_PORT=9000 vestibule up", "vestibule up --json"))
@json_option
def up() -> None:
    """Start everything here, with a demo partner and its campaign; Ctrl-C stops it.

    With --json each line is an object: {"program", "line"}, and {"ready": {...}} once the campaign can be opened.
    """
    began_at = perf_counter()
    settings = load_settings()
    try:
        with locked(settings.data_dir):
            asyncio.run(_Run(settings, choose_addresses(settings), began_at)())
    except GaveUp as error:
        raise click.ClickException(f"{error}; everything was stopped") from None


class _Run:
    """One run of everything, from the first process to the last."""

    def __init__(self, settings: Settings, addresses: Addresses, began_at: float) -> None:
        self._began_at = began_at
        self._addresses = addresses
        self._is_json = wants_json()
        told = {f"{PREFIX}LOG_FORMAT": "json"} if self._is_json else {}
        self._environment = child_environment(settings, addresses, {**os.environ, **told})
        self._settings = load_settings(self._environment)  # as the processes will see them
        self._programs = load_programs()
        say: Say = say_json if self._is_json else PrefixedOutput((ME, *self._programs, DEMO))
        self._say: Say = UntilUnread(say, self._stop)
        self._supervisor = Supervisor(self._environment, ROOT, self._say)

    async def __call__(self) -> None:
        """Run until SIGINT or SIGTERM; raise GaveUp if a process cannot be kept running."""
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(sign, self._supervisor.stop)
        for remark in self._addresses.remarks:
            self._say(ME, remark)
        load_master_keys(self._settings)  # before several processes want it
        release = asyncio.create_task(self._supervisor.run_once(self._programs.pop(_RELEASE)))
        await asyncio.sleep(0)
        seed = _prepare_demo(self._settings, self._addresses)
        await release
        if self._supervisor.stopping.is_set():
            return
        seed()
        welcome = asyncio.create_task(self._welcome())
        demo = demo_program(self._settings, self._addresses)
        try:
            await self._supervisor.keep_all([demo, *self._split(is_later=False)], self._split(is_later=True))
        finally:
            welcome.cancel()
        self._say(ME, "stopped")

    def _stop(self) -> None:
        if not self._supervisor.stopping.is_set():  # asked twice it would kill
            self._supervisor.stop()

    def _split(self, *, is_later: bool) -> list[Program]:
        return [program for name, program in self._programs.items() if (name in _LATER) is is_later]

    async def _welcome(self) -> None:
        link = (await _answer_of(DEMO_HOST, self._addresses.demo_port, FIRST_LINK)).headers["location"]
        await _answer_of(self._addresses.host, self._addresses.port, f"/c/{CAMPAIGN_ID}")
        self._supervisor.ready.set()
        seconds = perf_counter() - self._began_at
        if self._is_json:
            ready = {"seconds": round(seconds, 1), "campaign": link, "demo": f"{self._addresses.demo_url}/"}
            click.echo(json.dumps({"ready": {**ready, "data_dir": str(self._settings.data_dir)}}))
            return
        lines = (
            f"Vestibule is up, after {seconds:.1f} s. Open in a browser:",
            f"  the campaign, with a fresh token    {link}",
            f"  all three ways in, with more links  {self._addresses.demo_url}/",
            f"Its data is in {self._settings.data_dir}. Ctrl-C stops everything.",
        )
        for line in lines:
            self._say(ME, click.style(line, bold=True))


async def _answer_of(host: str, port: int, target: str) -> Answer:
    """Return the answer, once the process that gives it has started."""
    while (answer := await ask(host, port, target)) is None:  # noqa: ASYNC110 - its start is no event of ours
        await asyncio.sleep(_POLL_SECONDS)
    return answer


def _prepare_demo(settings: Settings, addresses: Addresses) -> Callable[[], None]:
    """Make the demo partner's keys and return what configures it; what that needs is loaded during the migration."""
    from app.cli.wiring import opened  # noqa: PLC0415 - loaded while the migration runs, as the docstring says
    from app.demo.keys import DemoKeys  # noqa: PLC0415 - likewise
    from app.demo.seed import seed_demo  # noqa: PLC0415 - likewise

    keys = DemoKeys.load(settings.data_dir)

    def seed() -> None:
        with opened(settings) as wiring:
            seed_demo(wiring.configure, keys, addresses.demo_url)

    return seed
