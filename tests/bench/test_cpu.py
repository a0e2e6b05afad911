"""CPU and memory of process trees."""

import subprocess
import sys

from bench.cpu import cpu_seconds, resident_mib, spent_since

BURN = "import time\nwhile time.process_time() < 0.3: pass"
BURN_IN_A_CHILD = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n"
HOLD = "held = bytearray(50_000_000)\n"
WAIT = "print('done', flush=True)\nsys.stdin.read()"


def _read_while_alive(program: str) -> tuple[float, float]:
    """Return CPU seconds and resident MiB of a program that has done its work and waits."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program + WAIT], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        read = cpu_seconds(process.pid), resident_mib(process.pid)
        process.communicate("")
    return read


def test_cpu_of_a_process_counts_a_child_that_has_ended() -> None:
    seconds, _ = _read_while_alive(BURN_IN_A_CHILD)

    assert seconds >= 0.29


def test_memory_of_a_process_counts_what_it_holds() -> None:
    _, empty = _read_while_alive("import sys\n")
    _, holding = _read_while_alive(f"import sys\n{HOLD}")

    assert 40 < holding - empty < 60


def test_process_that_is_gone_has_used_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert cpu_seconds(process.pid) == 0
    assert resident_mib(process.pid) == 0


def test_spent_is_what_came_on_top_since_a_reading() -> None:
    assert spent_since({"web": 1.0}, {"web": 1.5, "verify": 0.25}) == {"web": 0.5, "verify": 0.25}
