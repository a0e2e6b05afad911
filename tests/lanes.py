"""Every test, as `make test` runs them: what computes beside what waits, then lanes side by side, then what is timed.

A lane is a pytest of its own, with servers, ports and a cache of its own; beside another, what it says is shown when it
ends. Last come all closing lines and their sum. Knows which suites start processes; refuses to know what they check.
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import PORTS, PORTS_VARIABLE

_INTERFACE = "tests/journey/test_interface_conforms.py"
_JOURNEY = sorted(f"tests/journey/{path.name}" for path in Path(__file__).parent.glob("journey/test_*.py"))
# Chosen by their durations, so that two that run at once end together. Each `vestibule up` looks for a port near the
# same one for its demo partner, so that all of them stand in one lane.
LANES: Mapping[str, Sequence[str]] = {
    "visits": ("tests/browser", "tests/cli/test_up.py", "tests/docs"),
    "journey": [path for path in _JOURNEY if path != _INTERFACE],
    "faults": ("tests/faults",),
    "interface": (_INTERFACE,),
    "workers": ("tests/workers",),
    "servers": ("tests/servers",),
}
BESIDE_UNITS = frozenset({"workers"})
"""It waits for most of its time: beside tests that compute it costs them little."""
LANES_AT_ONCE = 2
"""More at once on two cores save a minute of fourteen, and each time a test or two fails for want of a core."""
_NOTHING_COLLECTED = 5
_CLOSING = re.compile(r"^=* ?((?:\d+ [a-z]+(?:, )?)+|no tests ran) in [\d.]+s.*$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ORDER = ("failed", "passed", "skipped", "xfailed", "xpassed", "warning", "warnings", "error", "errors")


@dataclass(frozen=True, slots=True)
class Lane:
    """One run of pytest; `ports` are those that its servers may take. What it says is shown at once or at its end."""

    name: str
    arguments: tuple[str, ...]
    ports: range = PORTS
    is_shown_at_once: bool = False

    def run(self) -> "Ended":
        """Run it to its end."""
        output: list[str] = []
        command = [sys.executable, "-m", "pytest", "-o", f"cache_dir=.pytest_cache/{self.name}", *self.arguments]
        environment = {**os.environ, PORTS_VARIABLE: f"{self.ports.start}-{self.ports.stop}"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each pytest and each process would compile everything anew
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, errors="replace") as process:
            for line in process.stdout or ():
                output.append(line)
                if self.is_shown_at_once:
                    _say(line)
        return Ended(self.name, process.returncode, "".join(output), self.is_shown_at_once)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a lane said until it ended."""

    name: str
    status: int
    output: str
    is_shown: bool = False

    @property
    def closing(self) -> str:
        """Return pytest's closing line."""
        lines = list(_CLOSING.finditer(_COLOUR.sub("", self.output)))
        return lines[-1][0] if lines else f"pytest ended with status {self.status} and no closing line"

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
    units = Lane("units", computing, _share(len(LANES)), is_shown_at_once=True)
    timed = Lane("timed", ("--timed=only", *arguments, *paths), is_shown_at_once=True)
    lanes = _lanes(arguments)
    beside_units = [lane for lane in lanes if lane.name in BESIDE_UNITS]
    ended = [
        *_side_by_side([units, *beside_units], at_once=1 + len(beside_units)),
        *_side_by_side([lane for lane in lanes if lane not in beside_units], LANES_AT_ONCE),
        *_side_by_side([timed], at_once=1),
    ]
    _say("\nClosing lines:\n", *(f"{one.name}: {one.closing}\n" for one in ended))
    total = sum((one.counts for one in ended), Counter[str]())
    _say(f"{_sum_line(total, time.monotonic() - began_at)}\n")
    return _status(ended, total, may_choose=bool(arguments))


def _left_out(paths: Iterable[str]) -> list[str]:
    return [word for path in paths for word in ("--ignore", path)]


def _lanes(arguments: Sequence[str]) -> list[Lane]:
    return [
        Lane(name, ("--timed=without", *arguments, *paths), _share(number))
        for number, (name, paths) in enumerate(LANES.items())
    ]


def _share(number: int) -> range:
    """Return the ports of the lane of that number; the last number is that of the units."""
    share = len(PORTS) // (len(LANES) + 1)
    return PORTS[number * share : (number + 1) * share]


def _side_by_side(lanes: Sequence[Lane], at_once: int) -> list[Ended]:
    """Run the lanes, so many at once.

    Ctrl-C reaches each pytest by itself, and is over when those that ran have ended their servers; no other begins.
    """
    ended: list[Ended] = []
    with ThreadPoolExecutor(at_once) as threads:
        try:
            for running in as_completed([threads.submit(lane.run) for lane in lanes]):
                ended.append(running.result())
                if not ended[-1].is_shown:
                    _say(f"\nLane {ended[-1].name}:\n", ended[-1].output)
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return ended


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
