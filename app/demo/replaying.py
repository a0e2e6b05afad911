"""Starts a replay of the demo partner's dead letters, by the command that an operator would type."""

import asyncio
import json
import sys
from typing import Final

from app.demo.documents import PARTNER_ID

COMMAND: Final = ("replay", "start", "--partner", PARTNER_ID, "--force")
"""Forced, since a maintenance page is a final class: only a person knows that the API was mended."""


async def start_replay() -> str:
    """Return what came of the command, in one sentence."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        *COMMAND,
        "--json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate()
    typed = f"vestibule {' '.join(COMMAND)}"
    if process.returncode:
        return f"The API is mended, but `{typed}` failed: {complaint.decode(errors='replace').strip()}"
    matched = json.loads(said)["matched"]
    return f"The API is mended. `{typed}` takes up {matched} form{'' if matched == 1 else 's'}: look at yours again."
