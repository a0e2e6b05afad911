"""A partner's document: what it may say, and what the journey makes of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, ValidationError

from app.documents.fields import WHOLE, Document, Issuer, Name
from app.documents.mistakes import mistakes_in, unstorable
from app.documents.prefill import UNIONS as PREFILL_UNIONS
from app.documents.prefill import PrefillDocument, prefill_config
from app.documents.secrets import PARTNER, restore_secrets
from app.documents.signature import UNIONS as SIGNATURE_UNIONS
from app.documents.signature import Encryption, Signature, encryption_config, signature_config
from app.domain.outside import OutboundPolicy
from app.domain.partner import MAX_LEEWAY, Partner
from app.errors import RequestInvalid

_UNIONS = {**SIGNATURE_UNIONS, **PREFILL_UNIONS}
_YEAR_SECONDS = 366 * 24 * 3600


class PartnerDocument(Document):
    """The whole document; a member that is not given has the default that stands here."""

    name: Name
    """What participants are told who hands out their link."""
    issuer: Issuer | None = None
    """What `iss` must be; null: it is not looked at."""
    audience: Issuer | None = None
    """What `aud` must hold; null: it is not looked at."""
    signature: Signature
    """How tokens are verified."""
    encryption: Encryption | None = None
    """How tokens are decrypted; null: they come signed alone."""
    require_exp: bool = True
    """Whether a token without `exp` is refused."""
    leeway_seconds: Annotated[int, Field(ge=0, le=int(MAX_LEEWAY.total_seconds())), WHOLE] = 60
    """How far the clocks may differ."""
    max_age_seconds: Annotated[int, Field(ge=1, le=_YEAR_SECONDS), WHOLE] | None = None
    """How old a token may be by its `iat`; null: that is not looked at."""
    prefill: PrefillDocument | None = None
    """How the participant's data is fetched where the token does not carry it; null: it never is."""


def parse_partner_document(
    body: object, previous: Mapping[str, object] | None, outbound: OutboundPolicy
) -> dict[str, Any]:
    """Return the canonical document that `body` says, all defaults filled; raise RequestInvalid with every mistake.

    A masked secret stands for the one at the same place of `previous`, the stored document with its secrets open.
    """
    restored, unrestored = restore_secrets(PARTNER, body, previous, outbound)
    mistakes = (*unrestored, *unstorable(restored))
    told = {mistake.path for mistake in mistakes}
    try:
        document = PartnerDocument.model_validate(restored, context=outbound)
    except ValidationError as error:
        # Of a place whose secret could not be restored only that is said, not what is wrong with the mask itself.
        found = (mistake for mistake in mistakes_in(error, _UNIONS) if mistake.path not in told)
        raise RequestInvalid((*mistakes, *found)) from None
    if mistakes:
        raise RequestInvalid(mistakes)
    return document.model_dump()


def to_partner(id_: str, version: int, document: Mapping[str, Any]) -> Partner:
    """Return the partner that a canonical document describes."""
    encryption, prefill, max_age = document["encryption"], document["prefill"], document["max_age_seconds"]
    return Partner(
        id=id_,
        version=version,
        name=document["name"],
        signature=signature_config(document["signature"]),
        encryption=None if encryption is None else encryption_config(encryption),
        issuer=document["issuer"],
        audience=document["audience"],
        require_exp=document["require_exp"],
        leeway=timedelta(seconds=document["leeway_seconds"]),
        max_age=None if max_age is None else timedelta(seconds=max_age),
        prefill=None if prefill is None else prefill_config(prefill),
    )
