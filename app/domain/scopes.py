"""What a management client may be allowed to do, and how short its secret may be."""

from enum import StrEnum
from typing import Final

MIN_SECRET_CHARACTERS: Final = 16


class Scope(StrEnum):
    """One permission; a call of the management interface needs exactly one."""

    PARTNERS_READ = "partners:read"
    PARTNERS_WRITE = "partners:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    CRYPTO_ENCRYPT = "crypto:encrypt"
    TOKENS_INSPECT = "tokens:inspect"
    SESSIONS_READ = "sessions:read"
    PREFILLS_READ = "prefills:read"
    PREFILLS_REPLAY = "prefills:replay"
    PARTICIPANTS_DELETE = "participants:delete"
    STATS_READ = "stats:read"
    AUDIT_READ = "audit:read"


ALL_SCOPES: Final = frozenset(Scope)


def granted_scopes(listed: frozenset[str]) -> frozenset[Scope]:
    """Return the scopes of a client; an empty list means all of them, a scope that no longer exists means nothing."""
    return frozenset(scope for scope in Scope if scope in listed) if listed else ALL_SCOPES
