"""After a migration: the installation's own secrets, and the first management client that the settings name."""

from dataclasses import dataclass, field
from enum import StrEnum

from app.management_ports import ApiClient, AuditEntry, AuditLog, ClientStore
from app.ports import Clock
from app.steps.client_secrets import ClientSecrets, hash_secret
from app.steps.secrets import EnsureSecrets


class AdminClient(StrEnum):
    """What became of the first management client."""

    NOT_NAMED = "not_named"
    CREATED = "created"
    UNCHANGED = "unchanged"
    SECRET_CHANGED = "secret_changed"  # noqa: S105 - an outcome
    REVOKED = "revoked"  # it stays so, whatever the settings say


@dataclass(frozen=True, slots=True)
class PrepareInstallation:
    """Makes what every process needs beside the schema; again changes nothing."""

    ensure_secrets: EnsureSecrets
    clients: ClientStore
    audit: AuditLog
    clock: Clock
    admin_id: str
    admin_secret: str = field(repr=False)

    def __call__(self) -> AdminClient:
        """Make what is missing."""
        self.ensure_secrets()
        if not self.admin_id:
            return AdminClient.NOT_NAMED
        now = self.clock.now()
        known = self.clients.find(self.admin_id)
        if known is not None and known.revoked_at is not None:
            return AdminClient.REVOKED
        if known is not None and ClientSecrets().matches(self.admin_secret, known.secret_hash, now):
            return AdminClient.UNCHANGED
        created_at = now if known is None else known.created_at
        made = ApiClient(self.admin_id, hash_secret(self.admin_secret), frozenset(), None, created_at)
        outcome = AdminClient.CREATED if known is None else AdminClient.SECRET_CHANGED
        with self.audit.together():
            self.clients.put(made)
            self.audit.add(AuditEntry(now, "migration", f"client.{outcome}", self.admin_id))
        return outcome
