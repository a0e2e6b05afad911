"""Which entries of the record of changes somebody looks for."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; a member that is None is no condition, `since` is inclusive."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    partner_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
