"""What import-linter cannot say: rules about names used, not modules imported."""

from collections.abc import Collection
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, code_files, used_names

WALL_CLOCKS = frozenset(
    {
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "time.clock_gettime",
        "time.gmtime",
        "time.localtime",
        "time.time",
        "time.time_ns",
    }
)
CALLS_OUTSIDE = frozenset(
    {
        "aiohttp.ClientSession",
        "aiohttp.client.ClientSession",
        "aiohttp.request",
        "http.client.HTTPConnection",
        "http.client.HTTPSConnection",
        "urllib.request.urlopen",
    }
)


def _users_of(names: Collection[str], files: list[Path], but: str) -> list[str]:
    return [
        f"{path}:{line} uses {name}"
        for path in files
        if path != ROOT / but
        for name, line in used_names(path)
        if name in names
    ]


def test_wall_clock_is_read_in_the_clock_adapter_alone() -> None:
    users = _users_of(WALL_CLOCKS, code_files(), but="app/adapters/clock.py")

    assert users == []


def test_client_session_is_opened_in_the_outbound_guard_alone() -> None:
    users = _users_of(CALLS_OUTSIDE, code_files(), but="app/adapters/safe_http.py")

    assert users == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import time\ntime.time()", id="module"),
        pytest.param("from time import time\ntime()", id="function"),
        pytest.param("from time import time as clock\nnow = clock", id="renamed-function"),
        pytest.param("import time as t\nx = t.time_ns()", id="renamed-module"),
        pytest.param("from datetime import datetime, UTC\ndatetime.now(UTC)", id="class"),
        pytest.param("import datetime as dt\ndt.datetime.now(dt.UTC).isoformat()", id="chained"),
    ],
)
def test_wall_clock_in_any_spelling_is_found(source: str, tmp_path: Path) -> None:
    file = tmp_path / "clocky.py"
    file.write_text(source)

    users = _users_of(WALL_CLOCKS, [file], but="app/adapters/clock.py")

    assert users


def test_monotonic_clock_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "measuring.py"
    file.write_text("import time\ntime.monotonic() - time.perf_counter()")

    users = _users_of(WALL_CLOCKS, [file], but="app/adapters/clock.py")

    assert users == []
