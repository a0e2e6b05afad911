import subprocess
import sys

import pytest

_TELL = """
import resource
from app.adapters.open_files import allow_many
print(allow_many(3000), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "taken"),
    [
        pytest.param(256, 2048, 2048, id="all-that-it-may"),
        pytest.param(2048, 2048, 2048, id="all-already"),
        pytest.param(1024, 4096, 3000, id="no-more-than-it-needs"),
        pytest.param(3500, 4096, 3500, id="never-less-than-it-has"),
    ],
)
def test_process_takes_as_many_open_files_as_it_may(soft: int, hard: int, taken: int) -> None:
    begin = f"ulimit -Sn {soft} && ulimit -Hn {hard} && exec {sys.executable} -"

    said = subprocess.run(["bash", "-c", begin], input=_TELL, capture_output=True, text=True, check=True).stdout

    assert [int(number) for number in said.split()] == [taken, taken, hard]
