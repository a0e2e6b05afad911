"""Configuration for the journey: versions are read for each batch, documents only when they changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection, literal, select, union_all

from app.adapters.database.documents import MODELS, JoinSecrets, columns_of, open_document
from app.adapters.database.engine import Database
from app.domain.campaign import Campaign
from app.domain.partner import Partner
from app.management_ports import DocumentKind
from app.ports import Configuration, Sealing

Parsed = TypeVar("Parsed")
Parse = Callable[[str, int, Mapping[str, object]], Parsed]
_Kept = dict[str, tuple[int, Parsed]]


@dataclass(frozen=True, slots=True)
class SqlConfiguration:
    """Implements `ports.ConfigurationSource`; a version is never used for two documents (see `SqlDocuments`)."""

    database: Database
    sealing: Sealing
    join_secrets: JoinSecrets
    parse_partner: Parse[Partner]
    parse_campaign: Parse[Campaign]
    _partners: _Kept[Partner] = field(default_factory=dict, repr=False)
    _campaigns: _Kept[Campaign] = field(default_factory=dict, repr=False)

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the campaigns and partners that exist, in one query when nothing changed; raise SealBroken."""
        wanted = {DocumentKind.CAMPAIGN: campaign_ids, DocumentKind.PARTNER: partner_ids}
        return self.database.read(lambda connection: self._load(connection, wanted))

    def _load(self, connection: Connection, wanted: Mapping[DocumentKind, frozenset[str]]) -> Configuration:
        versions = _load_versions(connection, wanted)
        return Configuration(
            campaigns=self._current(connection, DocumentKind.CAMPAIGN, versions, self._campaigns, self.parse_campaign),
            partners=self._current(connection, DocumentKind.PARTNER, versions, self._partners, self.parse_partner),
        )

    def _current(
        self,
        connection: Connection,
        kind: DocumentKind,
        versions: Mapping[tuple[str, str], int],
        kept: _Kept[Parsed],
        parse: Parse[Parsed],
    ) -> Mapping[str, Parsed]:
        """Return what exists of `kind`, parsing what `kept` does not hold at its version."""
        current = {id_: version for (of_kind, id_), version in versions.items() if of_kind == kind}
        changed = [id_ for id_, version in current.items() if kept.get(id_, (0, None))[0] < version]
        if changed:
            model = MODELS[kind]
            whole = select(*columns_of(kind)).where(model.id.in_(changed), model.document.is_not(None))
            for row in connection.execute(whole).mappings().all():
                document = open_document(self.sealing, self.join_secrets, kind, row)
                kept[row["id"]] = row["version"], parse(row["id"], row["version"], document)
        return {id_: kept[id_][1] for id_, version in current.items() if id_ in kept and kept[id_][0] >= version}


def _load_versions(
    connection: Connection, wanted: Mapping[DocumentKind, frozenset[str]]
) -> Mapping[tuple[str, str], int]:
    living = [
        select(literal(kind.value).label("kind"), MODELS[kind].id, MODELS[kind].version).where(
            MODELS[kind].id.in_(ids), MODELS[kind].document.is_not(None)
        )
        for kind, ids in wanted.items()
        if ids
    ]
    if not living:
        return {}
    return {(kind, id_): version for kind, id_, version in connection.execute(union_all(*living))}
