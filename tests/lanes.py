"""Every test, as `make test` runs them: what computes, then in lanes side by side what waits, then alone what is timed.

A lane is a pytest of its own, with servers, ports and a cache of its own; its output is shown when it ends. At the end
stand all closing lines and their sum. A few tests that fail beside the other lanes are run once more, alone: those that
pass then are counted as unsteady, and named; whoever reads that looks into it. Knows which suites start real processes;
refuses to know what they check.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from tests.servers.process import PORTS, PORTS_VARIABLE

# Chosen by their durations, as like each other as can be. Each `vestibule up` looks for a port near the same one for
# its demo partner, so that all of them stand in one lane.
LANES = {
    "visits": ("tests/browser", "tests/cli/test_up.py", "tests/docs"),
    "journey": ("tests/journey",),
    "faults": ("tests/faults",),
    "workers": ("tests/servers", "tests/workers"),
}
_NOTHING_COLLECTED = 5
_FAILED = 1
FEW = 3
"""Failures that may come from the crowd on the machine; more of them do not."""
_CLOSING = re.compile(r"^=* ?((?:\d+ [a-z]+(?:, )?)+|no tests ran) in [\d.]+s.*$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_NAMED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_ORDER = ("failed", "passed", "unsteady", "skipped", "xfailed", "xpassed", "warning", "warnings", "error", "errors")


@dataclass(frozen=True, slots=True)
class Lane:
    """One run of pytest; `ports` are those that its servers may take."""

    name: str
    arguments: tuple[str, ...]
    ports: range = PORTS

    def run(self, *, is_alone: bool) -> "Ended":
        """Run it to its end; show what it says as it says it where it is alone, else at the end."""
        output: list[str] = []
        command = [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{self.name}", *self.arguments]
        environment = {**os.environ, PORTS_VARIABLE: f"{self.ports.start}-{self.ports.stop}"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, errors="replace") as process:
            for line in process.stdout or ():
                output.append(line)
                if is_alone:
                    _say(line)
        return Ended(self.name, process.returncode, "".join(output))


@dataclass(frozen=True, slots=True)
class Ended:
    """What a lane said until it ended."""

    name: str
    status: int
    output: str

    @property
    def closing(self) -> str:
        """Return pytest's closing line."""
        lines = list(_CLOSING.finditer(_COLOUR.sub("", self.output)))
        return lines[-1][0] if lines else f"pytest ended with status {self.status} and no closing line"

    @property
    def failures(self) -> int:
        """Return how many tests failed, or could not be set up or ended."""
        return sum(self.counts[word] for word in ("failed", "error", "errors"))

    @property
    def counts(self) -> Counter[str]:
        """Return how many tests passed, failed and so on."""
        closing = _CLOSING.search(self.closing)
        return Counter({word: int(many) for many, word in re.findall(r"(\d+) ([a-z]+)", closing[1] if closing else "")})


def main(processes: str, *arguments: str) -> int:
    """Run everything, each pytest with these further arguments, and return the exit status."""
    began_at = time.monotonic()
    paths = [path for lane in LANES.values() for path in lane]
    computing = ("--numprocesses", processes, "--dist", "loadfile", *arguments, "tests", *_left_out(paths))
    lanes = _lanes(arguments)
    ended = [
        *_side_by_side([Lane("units", computing)]),
        *_looked_at_again(lanes, _side_by_side(lanes)),
        *_side_by_side([Lane("timed", ("--timed=only", *arguments, *paths))]),
    ]
    _say("\nClosing lines:\n", *(f"{one.name}: {one.closing}\n" for one in ended))
    total = sum((one.counts for one in ended), Counter[str]())
    _say(f"{_sum_line(total, time.monotonic() - began_at)}\n")
    return _status(ended, total, may_choose=bool(arguments))


def _left_out(paths: Iterable[str]) -> list[str]:
    return [word for path in paths for word in ("--ignore", path)]


def _lanes(arguments: Sequence[str]) -> list[Lane]:
    share = len(PORTS) // len(LANES)
    return [
        Lane(name, ("--timed=without", *arguments, *paths), PORTS[number * share : (number + 1) * share])
        for number, (name, paths) in enumerate(LANES.items())
    ]


def _side_by_side(lanes: Sequence[Lane]) -> list[Ended]:
    """Run the lanes at once; Ctrl-C reaches each pytest by itself, and is over when all have ended their servers."""
    ended, is_alone = [], len(lanes) == 1
    with ThreadPoolExecutor(len(lanes)) as threads:
        for running in as_completed([threads.submit(lane.run, is_alone=is_alone) for lane in lanes]):
            ended.append(running.result())
            if not is_alone:
                _say(f"\nLane {ended[-1].name}:\n", ended[-1].output)
    return ended


def _looked_at_again(lanes: Sequence[Lane], ended: Sequence[Ended]) -> list[Ended]:
    """Return how the lanes ended, a few failures of each run once more and alone."""
    by_name = {lane.name: lane for lane in lanes}
    return [_again(by_name[one.name], one) if _may_be_unsteady(one) else one for one in ended]


def _may_be_unsteady(one: Ended) -> bool:
    return one.status == _FAILED and 0 < one.failures <= FEW


def _again(lane: Lane, one: Ended) -> Ended:
    _say(f"\nOnce more and alone, of lane {lane.name}:\n")
    arguments = ("--last-failed", "--last-failed-no-failures", "none", *lane.arguments)
    return in_sum(one, replace(lane, arguments=arguments).run(is_alone=True))


def in_sum(one: Ended, again: Ended) -> Ended:
    """Return how a lane ended whose failures were run `again`: as it did, unless every one of them passed then."""
    if again.status or again.counts["passed"] != one.failures:
        return one
    passed = one.counts["passed"] + one.failures
    names = "".join(f"unsteady: {name}\n" for name in _NAMED.findall(one.output))
    _say(names)
    seconds = one.closing.rpartition(" in ")[2].partition("s")[0]
    return Ended(one.name, 0, f"{names}== {passed} passed, {one.failures} unsteady in {seconds}s ==\n")


def _sum_line(total: Counter[str], seconds: float) -> str:
    counts = ", ".join(f"{total[word]} {word}" for word in _ORDER if total[word])
    return f" {counts or 'no tests ran'} in {seconds:.2f}s ".center(80, "=")


def _status(ended: Sequence[Ended], total: Counter[str], *, may_choose: bool) -> int:
    """Return 1 if a lane failed, or in CI left a test out; an empty lane is fine where arguments chose others."""
    fine = {0, _NOTHING_COLLECTED} if may_choose and total else {0}
    if os.environ.get("CI") and total["skipped"]:
        _say("In CI no test may be skipped.\n")
        return 1
    return int(not fine.issuperset(one.status for one in ended))


def _say(*texts: str) -> None:
    sys.stdout.writelines(texts)
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
