import asyncio
import os
from pathlib import Path

import pytest

from app.cli import supervisor as module
from app.cli.children import Program
from app.cli.supervisor import GaveUp, Supervisor, count_fast_deaths, describe_end

ENVIRONMENT = {"PATH": os.environ["PATH"]}


class Heard:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._news.set()

    def of(self, name: str) -> list[str]:
        return [line for speaker, line in self.lines if speaker == name]

    async def until(self, name: str, line: str) -> None:
        async with asyncio.timeout(10):
            while line not in self.of(name):
                self._news.clear()
                await self._news.wait()


async def has_gone(pid: int) -> bool:
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_run_once_with_a_program_that_ends_well_returns_and_passes_its_lines_on(tmp_path: Path) -> None:
    heard = Heard()
    supervisor = Supervisor(ENVIRONMENT, tmp_path, heard)

    await supervisor.run_once(Program("release", "printf 'one\\ntwo'"))

    assert heard.of("release") == ["one", "two"]


async def test_run_once_with_a_program_that_fails_gives_up_by_name(tmp_path: Path) -> None:
    supervisor = Supervisor(ENVIRONMENT, tmp_path, Heard())

    with pytest.raises(GaveUp, match="release ended with status 3"):
        await supervisor.run_once(Program("release", "sh -c 'exit 3'"))


async def test_keep_all_when_stopped_ends_every_process_and_what_it_left_in_its_group(tmp_path: Path) -> None:
    heard = Heard()
    supervisor = Supervisor(ENVIRONMENT, tmp_path, heard)
    stubborn_child = "(trap '' TERM; while :; do sleep 0.1; done) & echo \\$!"
    program = Program("web", f"""sh -c "trap 'exit 0' TERM; {stubborn_child}; echo ready; wait" """)
    keeping = asyncio.create_task(supervisor.keep_all([program]))
    await heard.until("web", "ready")

    supervisor.stop()
    await asyncio.wait_for(keeping, 5)

    assert await has_gone(int(heard.of("web")[0]))


async def test_keep_all_starts_the_later_ones_when_the_first_are_ready(tmp_path: Path) -> None:
    heard = Heard()
    supervisor = Supervisor(ENVIRONMENT, tmp_path, heard)
    first, later = (Program(name, "sh -c 'echo here; exec sleep 60'") for name in ("first", "later"))
    keeping = asyncio.create_task(supervisor.keep_all([first], [later]))
    await heard.until("first", "here")
    before = heard.of("later")

    supervisor.ready.set()
    await heard.until("later", "here")
    supervisor.stop()
    await asyncio.wait_for(keeping, 5)

    assert before == []


async def test_keep_all_that_is_stopped_before_it_is_ready_starts_no_later_one(tmp_path: Path) -> None:
    heard = Heard()
    supervisor = Supervisor(ENVIRONMENT, tmp_path, heard)
    first, later = (Program(name, "sh -c 'echo here; exec sleep 60'") for name in ("first", "later"))
    keeping = asyncio.create_task(supervisor.keep_all([first], [later]))
    await heard.until("first", "here")

    supervisor.stop()
    await asyncio.wait_for(keeping, 5)

    assert heard.of("later") == []


async def test_keep_all_with_a_program_that_ignores_sigterm_kills_it_after_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    heard = Heard()
    supervisor = Supervisor(ENVIRONMENT, tmp_path, heard)
    program = Program("deaf", """sh -c "trap '' TERM; echo $$; echo ready; while :; do sleep 0.1; done" """)
    keeping = asyncio.create_task(supervisor.keep_all([program]))
    await heard.until("deaf", "ready")

    supervisor.stop()
    await asyncio.wait_for(keeping, 5)

    assert heard.of("up") == ["deaf is killed"]


async def test_keep_all_with_a_program_that_dies_starts_it_again_and_says_so(tmp_path: Path) -> None:
    heard = Heard()
    supervisor = Supervisor(ENVIRONMENT, tmp_path, heard)
    flag = tmp_path / "second"
    program = Program("web", f"sh -c 'test -e {flag} && echo again && exec sleep 60; touch {flag}; exit 4'")
    keeping = asyncio.create_task(supervisor.keep_all([program]))

    await heard.until("web", "again")
    supervisor.stop()
    await asyncio.wait_for(keeping, 5)

    assert heard.of("up") == ["web ended with status 4; it is started again in 0.25 s"]


async def test_keep_all_with_a_program_that_dies_five_times_ends_the_others_and_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    heard = Heard()
    supervisor = Supervisor(ENVIRONMENT, tmp_path, heard)
    programs = [Program("broken", "sh -c 'exit 1'"), Program("fine", "sh -c 'echo $$; exec sleep 60'")]

    with pytest.raises(GaveUp, match="broken ended with status 1, 5 times in a row"):
        await asyncio.wait_for(supervisor.keep_all(programs), 10)

    assert await has_gone(int(heard.of("fine")[0]))


@pytest.mark.parametrize(
    ("lives", "count"),
    [
        pytest.param([], 0, id="none-yet"),
        pytest.param([1, 2], 2, id="all-short"),
        pytest.param([1, 60, 2], 1, id="a-long-life-starts-the-count-anew"),
        pytest.param([1, 60], 0, id="died-old"),
    ],
)
def test_count_fast_deaths_counts_the_last_ones_in_a_row(lives: list[float], count: int) -> None:
    assert count_fast_deaths(lives) == count


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(0, "ended with status 0", id="well"),
        pytest.param(-9, "was killed by SIGKILL", id="signal"),
        pytest.param(-99, "was killed by signal 99", id="signal-without-a-name"),
    ],
)
def test_describe_end_names_status_or_signal(status: int, words: str) -> None:
    assert describe_end(status) == words
