"""The bodies of calls that order one thing: a key revoked, a token encrypted or inspected, a partner examined."""

from typing import TypeVar

from pydantic import ConfigDict, ValidationError

from app.documents.fields import Document, Identifier
from app.documents.mistakes import mistakes_in
from app.errors import Mistake, RequestInvalid

Order = TypeVar("Order", bound=Document)


_WISHES = ("dry_run", "void")


def _one_wish(*, dry_run: bool, void: bool) -> list[Mistake]:
    return [Mistake("void", "A dry run voids nothing.")] if dry_run and void else []


class RevocationOrder(Document):
    """Which key is to be revoked; see the fields."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"required": [*_WISHES], "properties": {wish: {"const": True} for wish in _WISHES}}}
    )

    kid: str
    """Of the key."""
    dry_run: bool = False
    """Revoke nothing; tell what the key had accepted."""
    void: bool = False
    """Reject the sessions that the key had accepted."""

    rules = (_one_wish,)


class EncryptionOrder(Document):
    """Which token is to be encrypted, and whose it is where the client is bound to no partner."""

    token: str
    """The signed token, a compact JWS."""
    partner_id: str | None = None
    """Whose it is, where the client is bound to no partner."""


class InspectionOrder(Document):
    """Which token is to be inspected, as if it came to which campaign of which partner."""

    partner_id: str
    campaign_id: str
    token: str
    dry_run_prefill: bool = False


class CheckupOrder(Document):
    """With which participant as a sample a partner is to be examined; with none its API is not called."""

    sub: Identifier | None = None


def parsed_order(kind: type[Order], body: object) -> Order:
    """Return the order of that kind that `body` spells; raise RequestInvalid with every mistake."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise RequestInvalid(mistakes_in(error, {})) from None
