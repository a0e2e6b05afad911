"""Our key pairs for partners' tokens: a row of the installation's secrets for each generation, sealed for its partner.

A row is never deleted: their number tells each process with its ordinary query for versions that there is a new one.
What is retired or whose partner is gone is wiped instead.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, literal, select, update

from app.adapters.database.engine import Database
from app.adapters.database.inserting import insert_if_absent
from app.adapters.database.installation_secrets import place_of
from app.adapters.database.lists import is_one_of
from app.adapters.database.schema import InstallationSecretRow
from app.domain.key_pairs import KeyGeneration
from app.ports import Sealing

_PREFIX = "key_pairs:"
_WIPED = b""


@dataclass(frozen=True, slots=True)
class SqlKeyPairs:
    """Implements `ports.KeyPairStore`."""

    database: Database
    sealing: Sealing

    def load(self, partner_id: str) -> Sequence[KeyGeneration]:
        """Return all generations of that partner, the newest first; raise SealBroken."""
        return self.database.read(lambda connection: load_generations(connection, self.sealing, partner_id))

    def add(self, generation: KeyGeneration, others_retire_at: datetime) -> bool:
        """Store `generation` if its number is new, and tell whether it was; retire and wipe the others."""
        name, kid = name_of_pairs(generation.partner_id), str(generation.number)
        values = {
            "name": name,
            "kid": kid,
            "sealed_value": self.sealing.seal(json.dumps(generation.jwks).encode(), place_of(name, kid)),
            "created_at": generation.created_at,
            "retired_at": generation.retired_at,
        }

        def add_one(connection: Connection) -> bool:
            if not insert_if_absent(connection, InstallationSecretRow, values):
                return False
            others = update(InstallationSecretRow).where(
                InstallationSecretRow.name == name, InstallationSecretRow.kid != kid
            )
            retired = InstallationSecretRow.retired_at
            connection.execute(others.where(retired <= generation.created_at).values(sealed_value=_WIPED))
            connection.execute(
                others.where(retired.is_(None) | (retired > others_retire_at)).values(retired_at=others_retire_at)
            )
            return True

        return self.database.write(add_one)


def load_generations(connection: Connection, sealing: Sealing, partner_id: str) -> Sequence[KeyGeneration]:
    """Return all generations of a partner, the newest first; raise SealBroken."""
    name = name_of_pairs(partner_id)
    found = select(
        InstallationSecretRow.kid,
        InstallationSecretRow.sealed_value,
        InstallationSecretRow.created_at,
        InstallationSecretRow.retired_at,
    ).where(InstallationSecretRow.name == name)
    generations = [
        KeyGeneration(partner_id, int(kid), _opened(sealing, sealed, place_of(name, kid)), created_at, retired_at)
        for kid, sealed, created_at, retired_at in connection.execute(found)
    ]
    return sorted(generations, key=lambda generation: generation.number, reverse=True)


def count_generations(kind: str, names: str, *, as_array: bool) -> Select[str, str, int]:
    """Return a query for (kind, partner id, how many generations were ever made) of those that have any.

    As the list `names` it is to be given the `name_of_pairs` of each partner.
    """
    partner_id = func.substr(InstallationSecretRow.name, len(_PREFIX) + 1)
    is_named = is_one_of(InstallationSecretRow.name, names, as_array=as_array)
    return select(literal(kind), partner_id, func.count()).where(is_named).group_by(InstallationSecretRow.name)


def name_of_pairs(partner_id: str) -> str:
    """Return the name under which the key pairs of a partner stand."""
    return f"{_PREFIX}{partner_id}"


def wipe_key_pairs(connection: Connection, partner_id: str) -> None:
    """Destroy the private keys of a partner that is deleted; whoever takes its id gets others."""
    pairs = update(InstallationSecretRow).where(InstallationSecretRow.name == name_of_pairs(partner_id))
    connection.execute(pairs.values(sealed_value=_WIPED))


def _opened(sealing: Sealing, sealed: bytes, place: str) -> tuple[dict[str, str], ...]:
    return tuple(json.loads(sealing.open(sealed, place))) if sealed else ()
