"""How long what is no longer needed is kept, before a purge deletes it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """Sessions and dead letters: after the session's own end; the others: after they were written (None: for ever).

    Attempts go with their session too.
    """

    sessions: timedelta = timedelta(0)
    dead_letters: timedelta = timedelta(days=7)
    attempts: timedelta = timedelta(days=90)
    audit: timedelta | None = timedelta(days=400)
    participations: timedelta | None = None
