"""Configuration for the journey: read anew is what changed since it was read.

Each batch reads the mark that every change makes anew. What is known at another mark, or not at all, has its version
read too, and where that grew, its document and key pairs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Generic, TypeVar

import structlog
from sqlalchemy import CompoundSelect, Connection, RowMapping, Select, literal, make_url, select, union_all

from app.adapters.database.directly import rows_of
from app.adapters.database.documents import MODELS, JoinSecrets, columns_of, open_document
from app.adapters.database.engine import Database
from app.adapters.database.kept import Kept
from app.adapters.database.key_pairs import count_generations, load_generations, name_of_pairs
from app.adapters.database.lists import is_one_of
from app.domain.campaign import Campaign
from app.domain.key_pairs import encrypts_by_pairs, with_key_pairs
from app.domain.partner import Partner
from app.errors import SealBroken
from app.management_ports import DocumentKind
from app.ports import Configuration, Sealing

Parsed = TypeVar("Parsed")
Parse = Callable[[str, int, Mapping[str, object]], Parsed]
_GENERATIONS = "generations"
"""Stands beside the kinds of documents in the query for versions."""
_Version = tuple[int, int]
"""Of the document, and the number of our key pairs' generations: both only ever grow."""
_UNREADABLE = (SealBroken, LookupError, TypeError, ValueError)
"""What opening and parsing a document raises where its master key is missing, or another version wrote it."""
_SAY_AGAIN_SECONDS = 60.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Held(Generic[Parsed]):
    """A document as it was parsed at `version`, which it had at this mark; None: nobody marks changes."""

    parsed: Parsed
    version: _Version
    mark: str | None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reading: the mark before it, and the versions of what is not known at that mark."""

    connection: Connection
    mark: str | None
    versions: Mapping[tuple[str, str], _Version]


@dataclass(frozen=True, slots=True)
class SqlConfiguration:
    """Implements `ports.MarkedConfiguration`; a version is never used for two documents (see `SqlDocuments`).

    What exists and cannot be read is an error, or where `passes_over` is said is left out and named in the answer: a
    worker goes on with everybody else's sessions.
    """

    database: Database
    sealing: Sealing
    join_secrets: JoinSecrets
    parse_partner: Parse[Partner]
    parse_campaign: Parse[Campaign]
    passes_over: bool = False
    _partners: Kept[_Held[Partner]] = field(default_factory=Kept, repr=False)
    _campaigns: Kept[_Held[Campaign]] = field(default_factory=Kept, repr=False)
    _said_at: Kept[float] = field(default_factory=Kept, repr=False)

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        """Return the campaigns and partners that exist; where all are known and nothing changed, only the mark is read.

        Raises SealBroken.
        """
        if not campaign_ids and not partner_ids:
            return Configuration()
        wanted = {DocumentKind.CAMPAIGN: campaign_ids, DocumentKind.PARTNER: partner_ids}
        return self.database.read(lambda connection: self._load(connection, wanted))

    def read_mark(self) -> str | None:
        """Return the mark of the last change, or None if nobody marks changes."""
        return self.database.read(_read_mark)

    def _load(self, connection: Connection, wanted: Mapping[DocumentKind, frozenset[str]]) -> Configuration:
        mark = _read_mark(connection)
        known_campaigns = _known_at(mark, self._campaigns, wanted[DocumentKind.CAMPAIGN])
        known_partners = _known_at(mark, self._partners, wanted[DocumentKind.PARTNER])
        unknown = {
            DocumentKind.CAMPAIGN: wanted[DocumentKind.CAMPAIGN] - known_campaigns.keys(),
            DocumentKind.PARTNER: wanted[DocumentKind.PARTNER] - known_partners.keys(),
        }
        if not any(unknown.values()):
            return Configuration(known_campaigns, known_partners, mark=mark)
        reading = _Reading(connection, mark, _load_versions(connection, unknown))
        campaigns = self._read(reading, DocumentKind.CAMPAIGN, self._campaigns, self.parse_campaign)
        partners = self._read(reading, DocumentKind.PARTNER, self._partners, self._with_key_pairs(connection))
        return Configuration(
            {**known_campaigns, **{id_: found for id_, found in campaigns.items() if found is not None}},
            {**known_partners, **{id_: found for id_, found in partners.items() if found is not None}},
            frozenset(id_ for id_, campaign in campaigns.items() if campaign is None),
            frozenset(id_ for id_, partner in partners.items() if partner is None),
            mark,
        )

    def _read(
        self, reading: _Reading, kind: DocumentKind, kept: Kept[_Held[Parsed]], parse: Parse[Parsed]
    ) -> Mapping[str, Parsed | None]:
        """Return what exists of `kind`, parsing what `kept` does not hold at its version; None cannot be read."""
        versions = {id_: version for (of_kind, id_), version in reading.versions.items() if of_kind == kind}
        read: dict[str, Parsed | None] = {}
        for id_, version in versions.items():
            held = kept.get(id_)
            if held is not None and held.version >= version:
                kept.put(id_, replace(held, mark=reading.mark))
                read[id_] = held.parsed
        changed = versions.keys() - read.keys()
        if changed:
            model = MODELS[kind]
            whole = select(*columns_of(kind)).where(model.id.in_(changed), model.document.is_not(None))
            for row in reading.connection.execute(whole).mappings().all():
                parsed = self._parsed(kind, row, parse)
                if parsed is not None:
                    version = (row["version"], versions[row["id"]][1])
                    kept.put(row["id"], _Held(parsed, version, reading.mark))
                read[row["id"]] = parsed
        return read

    def _with_key_pairs(self, connection: Connection) -> Parse[Partner]:
        def parse(id_: str, version: int, document: Mapping[str, object]) -> Partner:
            partner = self.parse_partner(id_, version, document)
            if partner.encryption is None or not encrypts_by_pairs(partner.encryption.method):
                return partner
            return with_key_pairs(partner, load_generations(connection, self.sealing, id_))

        return parse

    def _parsed(self, kind: DocumentKind, row: RowMapping, parse: Parse[Parsed]) -> Parsed | None:
        try:
            return parse(row["id"], row["version"], open_document(self.sealing, self.join_secrets, kind, row))
        except _UNREADABLE as error:
            if not self.passes_over:
                raise
            self._say_unreadable(kind, row["id"], error)
            return None

    def _say_unreadable(self, kind: DocumentKind, id_: str, error: Exception) -> None:
        name, now = f"{kind}:{id_}", monotonic()
        said_at = self._said_at.get(name)
        if said_at is None or now - said_at >= _SAY_AGAIN_SECONDS:
            self._said_at.put(name, now)
            _log.error("document.unreadable", kind=kind, id=id_, error=type(error).__name__)


_MARK = "SELECT mark FROM configuration_mark"


def _read_mark(connection: Connection) -> str | None:
    """Return the mark of the last change, to be read before any document; None if nobody marks changes."""
    if connection.dialect.name == "postgresql":
        rows = rows_of(connection, _MARK, {})
    else:
        rows = connection.exec_driver_sql(_MARK).all()
    return rows[0][0] if rows else None


def _known_at(mark: str | None, kept: Kept[_Held[Parsed]], ids: frozenset[str]) -> Mapping[str, Parsed]:
    """Return those of `ids` that are kept and were current at that very mark, as they still are."""
    if mark is None:
        return {}
    held = {id_: one for id_ in ids if (one := kept.get(id_)) is not None}
    return {id_: one.parsed for id_, one in held.items() if one.mark == mark}


def _versions_of(kind: DocumentKind, *, as_array: bool) -> Select[str, str, int]:
    model = MODELS[kind]
    is_wanted = is_one_of(model.id, kind.value, as_array=as_array)
    return select(literal(kind.value).label("kind"), model.id, model.version).where(
        is_wanted, model.document.is_not(None)
    )


def _versions(*, as_array: bool) -> CompoundSelect[str, str, int]:
    return union_all(
        _versions_of(DocumentKind.CAMPAIGN, as_array=as_array),
        _versions_of(DocumentKind.PARTNER, as_array=as_array),
        count_generations(_GENERATIONS, names=_GENERATIONS, as_array=as_array),
    )


_AS_ARRAYS = _versions(as_array=True).compile(dialect=make_url("postgresql+psycopg://").get_dialect()())
_AS_LISTS = _versions(as_array=False)
"""Both are put together once: that costs as much as running them."""


def _load_versions(
    connection: Connection, wanted: Mapping[DocumentKind, frozenset[str]]
) -> Mapping[tuple[str, str], _Version]:
    names = {kind.value: list(ids) for kind, ids in wanted.items()}
    names[_GENERATIONS] = [name_of_pairs(partner_id) for partner_id in wanted[DocumentKind.PARTNER]]
    if connection.dialect.name == "postgresql":
        rows = rows_of(connection, _AS_ARRAYS.string, {**_AS_ARRAYS.params, **names})
    else:
        rows = connection.execute(_AS_LISTS, names).all()
    found = {(kind, id_): number for kind, id_, number in rows}
    return {
        (kind, id_): (version, found.get((_GENERATIONS, id_), 0) if kind == DocumentKind.PARTNER else 0)
        for (kind, id_), version in found.items()
        if kind != _GENERATIONS
    }
