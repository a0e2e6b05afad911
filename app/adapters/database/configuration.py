"""Configuration for the journey: versions are read for each batch, documents and key pairs only when they changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Connection, Select, literal, select, union_all

from app.adapters.database.documents import MODELS, JoinSecrets, columns_of, open_document
from app.adapters.database.engine import Database
from app.adapters.database.key_pairs import count_generations, load_generations
from app.domain.campaign import Campaign
from app.domain.key_pairs import encrypts_by_pairs, with_key_pairs
from app.domain.partner import Partner
from app.management_ports import DocumentKind
from app.ports import Configuration, Sealing

Parsed = TypeVar("Parsed")
Parse = Callable[[str, int, Mapping[str, object]], Parsed]
_GENERATIONS = "generations"
"""Stands beside the kinds of documents in the query for versions."""
_NEVER = (0, 0)
_Version = tuple[int, int]
"""Of the document, and the number of our key pairs' generations: both only ever grow."""
_Kept = dict[str, tuple[_Version, Parsed]]


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

        def parse_partner(id_: str, version: int, document: Mapping[str, object]) -> Partner:
            partner = self.parse_partner(id_, version, document)
            if partner.encryption is None or not encrypts_by_pairs(partner.encryption.method):
                return partner
            return with_key_pairs(partner, load_generations(connection, self.sealing, id_))

        return Configuration(
            campaigns=self._current(connection, DocumentKind.CAMPAIGN, versions, self._campaigns, self.parse_campaign),
            partners=self._current(connection, DocumentKind.PARTNER, versions, self._partners, parse_partner),
        )

    def _current(
        self,
        connection: Connection,
        kind: DocumentKind,
        versions: Mapping[tuple[str, str], _Version],
        kept: _Kept[Parsed],
        parse: Parse[Parsed],
    ) -> Mapping[str, Parsed]:
        """Return what exists of `kind`, parsing what `kept` does not hold at its version."""
        current = {id_: version for (of_kind, id_), version in versions.items() if of_kind == kind}
        changed = [id_ for id_, version in current.items() if kept.get(id_, (_NEVER, None))[0] < version]
        if changed:
            model = MODELS[kind]
            whole = select(*columns_of(kind)).where(model.id.in_(changed), model.document.is_not(None))
            for row in connection.execute(whole).mappings().all():
                document = open_document(self.sealing, self.join_secrets, kind, row)
                generations = current[row["id"]][1]
                kept[row["id"]] = (row["version"], generations), parse(row["id"], row["version"], document)
        return {id_: kept[id_][1] for id_, version in current.items() if id_ in kept and kept[id_][0] >= version}


def _load_versions(
    connection: Connection, wanted: Mapping[DocumentKind, frozenset[str]]
) -> Mapping[tuple[str, str], _Version]:
    living: list[Select[str, str, int]] = [
        select(literal(kind.value).label("kind"), MODELS[kind].id, MODELS[kind].version).where(
            MODELS[kind].id.in_(ids), MODELS[kind].document.is_not(None)
        )
        for kind, ids in wanted.items()
        if ids
    ]
    if not living:
        return {}
    if wanted[DocumentKind.PARTNER]:
        living.append(count_generations(_GENERATIONS, wanted[DocumentKind.PARTNER]))
    found = {(kind, id_): number for kind, id_, number in connection.execute(union_all(*living))}
    return {
        (kind, id_): (version, found.get((_GENERATIONS, id_), 0) if kind == DocumentKind.PARTNER else 0)
        for (kind, id_), version in found.items()
        if kind != _GENERATIONS
    }
