"""A process that interrupts nobody when it wakes: the policy is inherited, so each is asked in a process of its own."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems know no such policy")

_BEGIN = """
import os, threading
from app.adapters.processor import interrupt_nobody
"""
_TELL = """
told = []
thread = threading.Thread(target=lambda: told.append(os.sched_getscheduler(0)))
thread.start()
thread.join()
print([name for name in ("SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE") if getattr(os, name) == told[0]][0])
"""


def policy_after(*lines: str) -> str:
    """Return the policy of a thread that is made after these lines."""
    program = _BEGIN + "\n".join(lines) + _TELL
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_process_and_the_threads_it_makes_interrupt_nobody() -> None:
    assert policy_after("interrupt_nobody()") == "SCHED_BATCH"


def test_process_that_was_given_a_policy_keeps_it() -> None:
    assert (
        policy_after("os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))", "interrupt_nobody()") == "SCHED_IDLE"
    )


@pytest.mark.parametrize("function", ["sched_setscheduler", "sched_getscheduler"])
@pytest.mark.parametrize("refusal", ["EPERM", "EINVAL", "ENOSYS"])
def test_process_that_may_not_or_cannot_stays_as_it_is(function: str, refusal: str) -> None:
    refused = (
        "import errno",
        f"original = os.{function}",
        f"def refuse(*_): raise OSError(errno.{refusal}, '')",
        f"os.{function} = refuse",
        "interrupt_nobody()",
        f"os.{function} = original",
    )

    assert policy_after(*refused) == "SCHED_OTHER"


@pytest.mark.parametrize(
    ("roles", "expected"),
    [(("verify",), "SCHED_BATCH"), (("upkeep",), "SCHED_BATCH"), (("fetch", "refresh"), "SCHED_OTHER")],
)
def test_worker_interrupts_nobody_unless_it_makes_outside_calls(roles: tuple[str, ...], expected: str) -> None:
    workers = "from app.ports import Work; from workers.runtime import yield_to_others"

    assert policy_after(workers, f"yield_to_others(frozenset(map(Work, {roles!r})))") == expected


def test_web_process_interrupts_nobody() -> None:
    without_serving = (
        "from app.settings import Settings",
        "from app.web import server",
        "server.uvloop.run = lambda serving: serving.close()",
        "server.serve(Settings())",
    )

    assert policy_after(*without_serving) == "SCHED_BATCH"
