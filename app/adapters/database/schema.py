"""The schema, whole: importing this module knows every table.

The tables stand beside what they are for; here is only what they share.
"""

from app.adapters.database.schema_base import Base
from app.adapters.database.schema_configuration import (
    AuditRow,
    CampaignRow,
    ConfigurationMarkRow,
    InstallationSecretRow,
    LeaseRow,
    OauthClientRow,
    PartnerRow,
)
from app.adapters.database.schema_delivery import PartnerHealthRow, ReplayRow
from app.adapters.database.schema_keysets import KeysetEventRow, KeysetRow, VoidOrderRow
from app.adapters.database.schema_sessions import (
    AttemptRow,
    ErasureRow,
    ParticipationRow,
    RepeatRow,
    SessionRow,
    UsedTokenRow,
)

__all__ = [
    "AttemptRow",
    "AuditRow",
    "Base",
    "CampaignRow",
    "ConfigurationMarkRow",
    "ErasureRow",
    "InstallationSecretRow",
    "KeysetEventRow",
    "KeysetRow",
    "LeaseRow",
    "OauthClientRow",
    "ParticipationRow",
    "PartnerHealthRow",
    "PartnerRow",
    "RepeatRow",
    "ReplayRow",
    "SessionRow",
    "UsedTokenRow",
    "VoidOrderRow",
]
