"""Where the output takes no more, as on a full disk, commands say so, and end as any that failed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOLD = "There is no room for what was to be written."


@pytest.mark.parametrize(
    ("command", "told"),
    [
        pytest.param(["stats"], f"output_lost: {TOLD}", id="remarks-and-a-table"),
        pytest.param(["partner", "list"], f"output_lost: {TOLD}", id="a-table"),
        pytest.param(["stats", "--json"], json.dumps({"code": "output_lost", "detail": TOLD}, indent=2), id="json"),
    ],
)
def test_output_on_a_full_disk_is_told(tmp_path: Path, command: list[str], told: str) -> None:
    environment = {**os.environ, "VESTIBULE_DATA_DIR": str(tmp_path)}
    vestibule = [sys.executable, "-m", "app"]
    subprocess.run([*vestibule, "migrate"], env=environment, check=True, capture_output=True)

    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*vestibule, *command], env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert ended.returncode == 1
    assert ended.stderr.endswith(f"{told}\n")
    assert "Traceback" not in ended.stderr
