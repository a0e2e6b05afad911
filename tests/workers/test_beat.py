"""What beat's own process says: nothing of the ticks that it sends, all day long."""

import os
import subprocess
import sys
from pathlib import Path

SENDS_A_TICK = """
from workers.celery_app import app
app.log.setup("INFO")
from workers.beat import SparingScheduler
scheduler = SparingScheduler(app)
scheduler.apply_entry(scheduler.schedule["sweep"], producer=scheduler.producer)
scheduler.apply_entry(scheduler.schedule["purge"], producer=None)
"""


def test_beat_says_nothing_of_a_tick_that_it_sends_and_tells_of_one_that_it_cannot(tmp_path: Path) -> None:
    environment = {**os.environ, "VESTIBULE_DATA_DIR": str(tmp_path)}

    ended = subprocess.run(
        [sys.executable, "-c", SENDS_A_TICK], env=environment, capture_output=True, text=True, check=True, timeout=30
    )

    assert "Sending due task" not in ended.stderr
    assert "Message Error" in ended.stderr
    assert list(tmp_path.rglob("*upkeep*"))
