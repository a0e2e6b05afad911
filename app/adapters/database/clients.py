"""The clients of our Authorization API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, select, update

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_into
from app.adapters.database.schema import OauthClientRow
from app.management_ports import ApiClient

_COLUMNS = (
    OauthClientRow.id,
    OauthClientRow.secret_hash,
    OauthClientRow.scopes,
    OauthClientRow.partner_id,
    OauthClientRow.created_at,
    OauthClientRow.revoked_at,
)


@dataclass(frozen=True, slots=True)
class SqlClients:
    """Implements `management_ports.ClientStore`."""

    database: Database

    def put(self, client: ApiClient) -> None:
        """Store `client`, replacing one of the same id."""
        values = {
            "secret_hash": client.secret_hash,
            "scopes": sorted(client.scopes),
            "partner_id": client.partner_id,
            "created_at": client.created_at,
            "revoked_at": client.revoked_at,
        }
        self.database.write_one(
            lambda connection: connection.execute(
                insert_into(connection, OauthClientRow)
                .values(id=client.id, **values)
                .on_conflict_do_update(index_elements=[OauthClientRow.id], set_=values)
            )
        )

    def find(self, client_id: str) -> ApiClient | None:
        """Return the client, revoked or not, or None."""
        found = select(*_COLUMNS).where(OauthClientRow.id == client_id)
        row = self.database.read(lambda connection: connection.execute(found).mappings().first())
        return None if row is None else _to_client(row)

    def load_all(self) -> Sequence[ApiClient]:
        """Return all clients by id."""
        every = select(*_COLUMNS).order_by(OauthClientRow.id)
        return [_to_client(row) for row in self.database.read(lambda c: c.execute(every).mappings().all())]

    def revoke(self, client_id: str, now: datetime) -> bool:
        """Revoke the client; tell whether there was one to revoke."""
        revoked = (
            update(OauthClientRow)
            .where(OauthClientRow.id == client_id, OauthClientRow.revoked_at.is_(None))
            .values(revoked_at=now)
        )
        return self.database.write_one(lambda connection: connection.execute(revoked).rowcount == 1)


def _to_client(row: RowMapping) -> ApiClient:
    return ApiClient(**{**row, "scopes": frozenset(row["scopes"])})
