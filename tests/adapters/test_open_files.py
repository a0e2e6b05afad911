import resource
import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from app.adapters.open_files import MOST, allow_many

_TELL = """
import resource
from app.adapters.open_files import allow_many
allow_many(3000)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
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

    assert [int(number) for number in said.split()] == [taken, hard]


def test_system_that_refuses_is_told_and_served(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not that many")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)

    with capture_logs() as told:
        allow_many()

    assert told == [{"event": "files.limited", "files": 256, "wanted": MOST, "log_level": "warning"}]
