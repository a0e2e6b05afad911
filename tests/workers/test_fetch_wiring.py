"""Calls as they are composed: as many connections as calls in flight, and some for key sets."""

from pathlib import Path

import pytest

from app.adapters.safe_http import SafeHttp
from app.ports import Work
from app.settings import load_settings
from workers.composition import _Parts


@pytest.mark.parametrize(("of_one", "calls"), [(1, 2), (9, 12), (6000, 8000)])
def test_process_has_a_connection_for_each_of_its_calls(tmp_path: Path, of_one: int, calls: int) -> None:
    settings = load_settings({"VESTIBULE_DATA_DIR": str(tmp_path), "VESTIBULE_FETCH_CONCURRENCY": str(of_one)})

    parts = _Parts(settings, frozenset({Work.FETCH}))
    http = parts.outside().http
    parts.close()

    assert isinstance(http, SafeHttp)
    assert http._limit == calls + 64
