"""What lives on one event loop, and asks for it once: Python 3.11 asks the system which process this is each time."""

import asyncio
from functools import cached_property


class OnOneLoop:
    """Knows the loop on which it is first used."""

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()
