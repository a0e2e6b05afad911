"""Partners' and campaigns' documents: versioned, their secrets apart and sealed.

A deleted document leaves an empty row behind, so that a version never stands for two documents: whoever keeps what it
parsed by (id, version) stays right.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.orm import InstrumentedAttribute

from app.adapters.database.engine import Database
from app.adapters.database.health_rows import forget_partner
from app.adapters.database.inserting import insert_if_absent
from app.adapters.database.key_pairs import wipe_key_pairs
from app.adapters.database.schema import CampaignRow, PartnerRow
from app.errors import PartnerInUse, PartnerUnknown, PreconditionFailed
from app.management_ports import DocumentKind, Put, StoredDocument
from app.ports import Sealing

SplitSecrets = Callable[[DocumentKind, Mapping[str, object]], tuple[Mapping[str, object], Mapping[str, str]]]
JoinSecrets = Callable[[DocumentKind, Mapping[str, object], Mapping[str, str]], Mapping[str, object]]

MODELS: Mapping[DocumentKind, type[PartnerRow] | type[CampaignRow]] = {
    DocumentKind.PARTNER: PartnerRow,
    DocumentKind.CAMPAIGN: CampaignRow,
}


@dataclass(frozen=True, slots=True)
class SqlDocuments:
    """Implements `management_ports.DocumentStore`."""

    database: Database
    sealing: Sealing
    split_secrets: SplitSecrets
    join_secrets: JoinSecrets

    def put(
        self, kind: DocumentKind, id_: str, document: Mapping[str, object], if_version: int | None, now: datetime
    ) -> Put:
        """Store `document`; raise PreconditionFailed, or PartnerUnknown where a campaign names none."""
        masked, opened = self.split_secrets(kind, document)
        sealed = self.sealing.seal(json.dumps(dict(opened)).encode(), secrets_place(kind, id_)) if opened else None
        values: dict[str, Any] = {"document": dict(masked), "sealed_secrets": sealed, "updated_at": now}

        def put_one(connection: Connection) -> tuple[RowMapping, bool]:
            if kind is DocumentKind.CAMPAIGN:
                values["partner_id"] = _living_partner(connection, str(document["partner_id"]))
            return _put(connection, kind, id_, values, if_version, now)

        row, is_new = self.database.write(put_one)
        return Put(self._stored(kind, row), is_new)

    def find(self, kind: DocumentKind, id_: str) -> StoredDocument | None:
        """Return the document, or None."""
        model = MODELS[kind]
        found = select(*columns_of(kind)).where(model.id == id_, model.document.is_not(None))
        row = self.database.read(lambda connection: connection.execute(found).mappings().first())
        return None if row is None else self._stored(kind, row)

    def load_page(
        self, kind: DocumentKind, after: str | None, limit: int, partner_id: str | None
    ) -> Sequence[StoredDocument]:
        """Return at most `limit` documents after the id `after`, by id, of one partner if `partner_id` is given."""
        model = MODELS[kind]
        page = select(*columns_of(kind)).where(model.document.is_not(None), model.id > (after or ""))
        if partner_id is not None:
            page = page.where(
                (CampaignRow.partner_id if kind is DocumentKind.CAMPAIGN else PartnerRow.id) == partner_id
            )
        rows = self.database.read(lambda c: c.execute(page.order_by(model.id).limit(limit)).mappings().all())
        return [self._stored(kind, row) for row in rows]

    def delete(self, kind: DocumentKind, id_: str, if_version: int | None) -> bool:
        """Delete the document and tell whether there was one; raise PreconditionFailed or PartnerInUse."""
        return self.database.write(lambda connection: _delete(connection, kind, id_, if_version))

    def _stored(self, kind: DocumentKind, row: RowMapping) -> StoredDocument:
        document = open_document(self.sealing, self.join_secrets, kind, row)
        return StoredDocument(kind, row["id"], row["version"], document, row["created_at"], row["updated_at"])


def columns_of(kind: DocumentKind) -> tuple[InstrumentedAttribute[Any], ...]:
    """Return the columns that `open_document` and a StoredDocument need."""
    model = MODELS[kind]
    return model.id, model.version, model.document, model.sealed_secrets, model.created_at, model.updated_at


def open_document(
    sealing: Sealing, join_secrets: JoinSecrets, kind: DocumentKind, row: RowMapping
) -> Mapping[str, object]:
    """Return the document of a row with its secrets in their places; raise SealBroken."""
    sealed = row["sealed_secrets"]
    secrets = json.loads(sealing.open(sealed, secrets_place(kind, row["id"]))) if sealed else {}
    return join_secrets(kind, row["document"], secrets)


def _put(
    connection: Connection, kind: DocumentKind, id_: str, values: dict[str, Any], if_version: int | None, now: datetime
) -> tuple[RowMapping, bool]:
    """Store it; return its row, and whether there was none before."""
    model = MODELS[kind]
    placeholder = {**values, "id": id_, "version": 0, "document": None, "created_at": now}
    insert_if_absent(connection, model, placeholder)
    stored = _locked(connection, kind, id_)
    is_new = stored is None or stored["document"] is None
    version = stored["version"] if stored else 0
    _check_version(if_version, 0 if is_new else version)
    changes = {**values, "version": version + 1} | ({"created_at": now} if is_new else {})
    put = update(model).where(model.id == id_).values(changes).returning(*columns_of(kind))
    return connection.execute(put).mappings().one(), is_new


def _delete(connection: Connection, kind: DocumentKind, id_: str, if_version: int | None) -> bool:
    model = MODELS[kind]
    stored = _locked(connection, kind, id_)
    is_there = stored is not None and stored["document"] is not None
    _check_version(if_version, stored["version"] if stored and is_there else 0)
    if not stored or not is_there:
        return False
    if kind is DocumentKind.PARTNER:
        named = select(CampaignRow.id).where(CampaignRow.partner_id == id_, CampaignRow.document.is_not(None)).limit(1)
        if connection.scalar(named) is not None:
            raise PartnerInUse("a campaign still names this partner")
        wipe_key_pairs(connection, id_)
        forget_partner(connection, id_)
    emptied = {"document": None, "sealed_secrets": None, "version": stored["version"] + 1}
    connection.execute(update(model).where(model.id == id_).values(emptied))
    return True


def _check_version(wanted: int | None, stored: int) -> None:
    if wanted is not None and wanted != stored:
        raise PreconditionFailed("the document has changed, or is not there")


def _locked(connection: Connection, kind: DocumentKind, id_: str) -> RowMapping | None:
    chosen = select(*columns_of(kind)).where(MODELS[kind].id == id_).with_for_update()
    return connection.execute(chosen).mappings().first()


def _living_partner(connection: Connection, partner_id: str) -> str:
    """Return the id of a partner that cannot be deleted before this transaction ends."""
    living = select(PartnerRow.id).where(PartnerRow.id == partner_id, PartnerRow.document.is_not(None))
    if connection.scalar(living.with_for_update(read=True)) is None:
        raise PartnerUnknown("there is no such partner")
    return partner_id


def secrets_place(kind: DocumentKind, id_: str) -> str:
    """Return what binds the sealed secrets of a document to its row."""
    return f"{MODELS[kind].__tablename__}.sealed_secrets:{id_}"
