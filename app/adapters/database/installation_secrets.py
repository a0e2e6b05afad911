"""Secrets that the installation makes for itself once and shares between all processes; sealed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_if_absent
from app.adapters.database.schema import InstallationSecretRow
from app.management_ports import InstallationSecret
from app.ports import Sealing


@dataclass(frozen=True, slots=True)
class SqlSecrets:
    """Implements `management_ports.SecretStore`."""

    database: Database
    sealing: Sealing

    def load(self, name: str) -> Sequence[InstallationSecret]:
        """Return all secrets of that name, newest first; raise SealBroken."""
        found = (
            select(
                InstallationSecretRow.kid,
                InstallationSecretRow.sealed_value,
                InstallationSecretRow.created_at,
                InstallationSecretRow.retired_at,
            )
            .where(InstallationSecretRow.name == name)
            .order_by(InstallationSecretRow.created_at.desc(), InstallationSecretRow.kid.desc())
        )
        rows = self.database.read(lambda connection: connection.execute(found).all())
        return [
            InstallationSecret(name, kid, self.sealing.open(sealed, place_of(name, kid)), created_at, retired_at)
            for kid, sealed, created_at, retired_at in rows
        ]

    def add(self, secret: InstallationSecret) -> bool:
        """Store `secret` if its (name, kid) is new; tell whether it was."""
        values = {
            "name": secret.name,
            "kid": secret.kid,
            "sealed_value": self.sealing.seal(secret.value, place_of(secret.name, secret.kid)),
            "created_at": secret.created_at,
            "retired_at": secret.retired_at,
        }
        return self.database.write_one(lambda connection: insert_if_absent(connection, InstallationSecretRow, values))


def place_of(name: str, kid: str) -> str:
    """Return what binds a sealed secret to its row."""
    return f"installation_secrets.sealed_value:{len(name)}:{name}:{kid}"
