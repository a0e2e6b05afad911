"""The supervisor of `vestibule up`: keeps a handful of programs running until it is told to stop, then ends them all.

A program that dies is started again after a short pause, and said so; one that keeps dying ends everything. Refuses to
know what the programs are.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Final

from app.cli.children import Child, Program, Say

GRACE_SECONDS: Final = 8.0
"""How long a program may finish what it holds; work that is cut short is done again, since its lease runs out."""
FAST_DEATH_SECONDS: Final = 10.0
MAX_FAST_DEATHS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.25
ME: Final = "up"
"""Who speaks when the supervisor itself has something to say."""


class GaveUp(Exception):
    """A program cannot be kept running; the text says which, and how it ended."""


@dataclass(slots=True)
class Supervisor:
    """Runs programs in `folder` with `environment`; once `stopping` is set, nothing is started any more."""

    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    say: Say
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[Child] = field(default_factory=set)

    async def run_once(self, program: Program) -> None:
        """Run `program` to its end; raise GaveUp if it fails."""
        status = await self._run(program)
        if status and not self.stopping.is_set():
            raise GaveUp(f"{program.name} {describe_end(status)}")

    async def keep_all(self, programs: Sequence[Program], later: Sequence[Program] = ()) -> None:
        """Keep `programs` running until `stop`, and `later` ones from when `ready` is set.

        Raise GaveUp when one dies too often, having ended the others.
        """
        keepers = [asyncio.create_task(self._keep(program)) for program in programs]
        keepers += [asyncio.create_task(self._keep_later(program)) for program in later]
        try:
            await asyncio.wait(keepers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            if not self.stopping.is_set():
                self.stop()
            outcomes = await asyncio.gather(*keepers, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    def stop(self) -> None:
        """Ask everything to end, and kill what is left after the grace; asked again, kill at once."""
        if self.stopping.is_set():
            self._kill_all()
            return
        self.stopping.set()
        self.ready.set()  # so that nobody waits for it any more
        for child in self._running:
            child.ask_to_end()
        asyncio.get_running_loop().call_later(GRACE_SECONDS, self._kill_all)

    def _kill_all(self) -> None:
        for child in self._running:
            self.say(ME, f"{child.program.name} is killed")
            child.kill_group()

    async def _keep_later(self, program: Program) -> None:
        await self.ready.wait()
        await self._keep(program)

    async def _keep(self, program: Program) -> None:
        loop = asyncio.get_running_loop()
        lives: list[float] = []
        while not self.stopping.is_set():
            started_at = loop.time()
            status = await self._run(program)
            if self.stopping.is_set():
                return
            lives.append(loop.time() - started_at)
            fast_deaths = count_fast_deaths(lives)
            if fast_deaths >= MAX_FAST_DEATHS:
                raise GaveUp(f"{program.name} {describe_end(status)}, {fast_deaths} times in a row")
            pause = FIRST_PAUSE_SECONDS * 2 ** max(0, fast_deaths - 1)
            self.say(ME, f"{program.name} {describe_end(status)}; it is started again in {pause:g} s")
            await self._pause(pause)

    async def _run(self, program: Program) -> int:
        child = await Child.start(program, self.environment, self.folder, self.say)
        self._running.add(child)
        if self.stopping.is_set():  # while it was being started
            child.ask_to_end()
        try:
            return await child.end()
        finally:
            self._running.discard(child)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return


def count_fast_deaths(lives: Sequence[float]) -> int:
    """Return how many of the last `lives` (seconds, oldest first) in a row were short."""
    return sum(1 for _ in takewhile(lambda seconds: seconds < FAST_DEATH_SECONDS, reversed(lives)))


def describe_end(status: int) -> str:
    """Say how a process ended, given its exit status (negative: the signal)."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
