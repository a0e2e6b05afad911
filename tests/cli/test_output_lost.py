"""Where the output takes no more, as on a full disk, commands say so, and end as any that failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", [["stats"], ["stats", "--json"], ["partner", "list"]], ids=" ".join)
def test_output_on_a_full_disk_is_told(tmp_path: Path, command: list[str]) -> None:
    environment = {**os.environ, "VESTIBULE_DATA_DIR": str(tmp_path)}
    vestibule = [sys.executable, "-m", "app"]
    subprocess.run([*vestibule, "migrate"], env=environment, check=True, capture_output=True)

    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*vestibule, *command], env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "Error: There is no room for the output."
    assert "Traceback" not in ended.stderr
