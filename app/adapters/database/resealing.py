"""Seals anew, under the first master key, what others of the ring have sealed: a stretch of one table at a time.

A row that changes meanwhile is left as it is: whoever wrote it sealed it by its own ring. Knows of each sealed column
where it stands, as the stores do that read it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute

from app.adapters.database.documents import secrets_place
from app.adapters.database.engine import Database
from app.adapters.database.installation_secrets import place_of
from app.adapters.database.schema import CampaignRow, InstallationSecretRow, PartnerRow, SessionRow
from app.adapters.sealing import AesSealing
from app.domain.resealing import Resealed
from app.errors import SealBroken
from app.management_ports import DocumentKind

STRETCH: Final = 500
"""Rows that one transaction looks at."""
_Column = InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """A sealed column: its row's key, and what binds a value to its row, given that key."""

    column: _Column
    keys: tuple[_Column, ...]
    place: Callable[..., str]


_PLACES: Final[Mapping[str, _Place]] = {
    "installation_secrets": _Place(
        InstallationSecretRow.sealed_value, (InstallationSecretRow.name, InstallationSecretRow.kid), place_of
    ),
    "partners": _Place(
        PartnerRow.sealed_secrets, (PartnerRow.id,), lambda id_: secrets_place(DocumentKind.PARTNER, id_)
    ),
    "campaigns": _Place(
        CampaignRow.sealed_secrets, (CampaignRow.id,), lambda id_: secrets_place(DocumentKind.CAMPAIGN, id_)
    ),
    "sessions.token": _Place(SessionRow.token, (SessionRow.id,), "sessions.token:{}".format),
    "sessions.prefill_request": _Place(
        SessionRow.prefill_request, (SessionRow.id,), "sessions.prefill_request:{}".format
    ),
    "sessions.result": _Place(SessionRow.result, (SessionRow.id,), "sessions.result:{}".format),
}


@dataclass(frozen=True, slots=True)
class SqlResealing:
    """Implements `management_ports.Resealing`."""

    database: Database
    sealing: AesSealing

    @property
    def places(self) -> Sequence[str]:
        """The sealed columns, by name."""
        return tuple(_PLACES)

    def reseal_stretch(self, place: str, after: tuple[str, ...] | None) -> Resealed:
        """Seal anew what is not under the first master key among the next rows of a column by their keys."""
        known = _PLACES[place]
        rows = self.database.read(lambda connection: connection.execute(_stretch(known, after)).all())
        renewed, unreadable = [], 0
        for row in rows:
            *keys, sealed = row
            if not sealed or self.sealing.is_newest(sealed):
                continue
            where = known.place(*keys)
            try:
                renewed.append((row, self.sealing.seal(self.sealing.open(sealed, where), where)))
            except SealBroken:
                unreadable += 1
        changed = self.database.write(lambda connection: _save(connection, known, renewed)) if renewed else 0
        return Resealed(len(rows), changed, unreadable, tuple(rows[-1][:-1]) if rows else None)


def _stretch(place: _Place, after: tuple[str, ...] | None) -> Select[Any]:
    found: Select[Any] = select(*place.keys, place.column).order_by(*place.keys).limit(STRETCH)
    return found if after is None else found.where(tuple_(*place.keys) > tuple_(*after))


def _save(connection: Connection, place: _Place, renewed: Sequence[tuple[Sequence[Any], bytes]]) -> int:
    changed = 0
    for row, sealed in renewed:
        keys, before = row[:-1], row[-1]
        same = and_(*(column == key for column, key in zip(place.keys, keys, strict=True)), place.column == before)
        values: Mapping[Any, bytes] = {place.column: sealed}
        changed += connection.execute(update(place.column.class_).where(same).values(values)).rowcount
    return changed
