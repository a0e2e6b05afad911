"""When to look again at what waits for somebody else: after as long as it has waited already.

So a crowd that waits costs a few looks each, however long that takes, and whoever is woken by nobody waits twice as
long as it had to, at most.
"""

from datetime import datetime, timedelta
from typing import Final

LEAST_POSTPONED: Final = timedelta(seconds=5)
MOST_POSTPONED: Final = timedelta(minutes=5)
"""For sessions whose partner's document cannot be read: until somebody has mended that."""


def look_again_at(since: datetime, now: datetime, least: timedelta, most: timedelta) -> datetime:
    """Return when to look again at what has waited `since` then, `least` to `most` from now."""
    return now + min(max(now - since, least), most)
