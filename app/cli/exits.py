"""How commands end: stable exit codes, so that scripts can tell what happened.

0 ok · 1 failed on our side · 2 wrong usage (click's own) · 3 the settings are wrong, or the database was not migrated ·
4 there is no such thing · 5 refused: the document, request or token has mistakes · 6 the database cannot be reached ·
7 not decided yet: the token waits for a key
"""

from enum import IntEnum

from app.errors import (
    CampaignUnknown,
    ConfigurationError,
    EncryptionKeysUnknown,
    NotFound,
    PartnerUnknown,
    ReplayUnknown,
    RequestError,
    SchemaOutdated,
    SessionUnknown,
    StoreUnavailable,
    VestibuleError,
)
from app.jose.keys import KeyRefused


class Exit(IntEnum):
    """The exit codes; never renumbered."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIGURATION = 3
    NOT_FOUND = 4
    REFUSED = 5
    STORE_UNAVAILABLE = 6
    UNDECIDED = 7


def exit_code(error: VestibuleError) -> Exit:
    """Return the code of a command that failed with `error`."""
    match error:
        case ConfigurationError() | SchemaOutdated():
            return Exit.CONFIGURATION
        case PartnerUnknown() | CampaignUnknown() | SessionUnknown() | ReplayUnknown() | NotFound():
            return Exit.NOT_FOUND
        case EncryptionKeysUnknown():
            return Exit.NOT_FOUND
        case RequestError() | KeyRefused():
            return Exit.REFUSED
        case StoreUnavailable():
            return Exit.STORE_UNAVAILABLE
        case _:
            return Exit.FAILED
