"""Which worker processes let others go first, each told in a process of its own: nobody can take niceness back."""

import os
import subprocess
import sys

import pytest

from workers.runtime import NICENESS

_YIELD = """
import os, sys
from app.ports import Work
from workers.runtime import yield_to_others

os.setpriority(os.PRIO_PROCESS, 0, int(sys.argv[1]))
yield_to_others(frozenset(map(Work, sys.argv[2:])))
print(os.getpriority(os.PRIO_PROCESS, 0))
"""


@pytest.mark.parametrize(
    ("roles", "nicer_by", "expected_by"),
    [
        pytest.param(["verify"], 0, NICENESS, id="verify"),
        pytest.param(["upkeep"], 0, NICENESS, id="upkeep"),
        pytest.param(["verify"], NICENESS + 3, NICENESS + 3, id="nicer-already"),
        pytest.param(["fetch", "refresh"], 0, 0, id="fetch"),
        pytest.param(["verify", "fetch", "refresh", "upkeep"], 0, 0, id="all-in-one"),
    ],
)
def test_process_yields_unless_it_makes_outside_calls(roles: list[str], nicer_by: int, expected_by: int) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    command = [sys.executable, "-c", _YIELD, str(ours + nicer_by), *roles]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert int(told) == max(ours + nicer_by, expected_by)
