"""The JSON Schemas of documents say what their validators demand: neither lets through what the other refuses.

But for what no schema can say: that keys are keys, expressions expressions, addresses such as may be called, and that
something stands once only.
"""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from app.documents.campaign import CampaignDocument, parse_campaign_document
from app.documents.orders import EncryptionOrder, InspectionOrder, RevocationOrder, parsed_order
from app.documents.partner import PartnerDocument, parse_partner_document
from app.documents.replay import ReplayDocument, parse_replay_order
from app.errors import RequestInvalid
from app.web.openapi.document import PlainSchemas
from app.web.openapi.examples import CAMPAIGN, PARTNER
from tests.documents.examples import CREDENTIAL, OUTBOUND, secretive_body
from tests.steps.verifying import SIGNING, key_pair

Parse = Callable[[Any], object]

KINDS: Final[dict[str, tuple[type[BaseModel], Parse, tuple[Any, ...]]]] = {
    "partner": (
        PartnerDocument,
        lambda body: parse_partner_document(body, None, OUTBOUND),
        (
            PARTNER,
            parse_partner_document({**PARTNER, "max_age_seconds": 600}, None, OUTBOUND),
            secretive_body(),
            {
                "name": "ACME",
                "signature": {
                    "method": "public_key",
                    "keys": [{"jwk": key_pair("k1")[1], "kid": "a"}],
                    "algorithms": [SIGNING],
                },
                "encryption": {"method": "key_pair", "required": True},
                "prefill": {
                    "url": "https://api.acme.example/{sub}",
                    "authorization": {"from": "static", "secret": CREDENTIAL},
                    "timeout_seconds": 2.5,
                    "rate_per_second": 10,
                },
            },
        ),
    ),
    "campaign": (
        CampaignDocument,
        parse_campaign_document,
        (CAMPAIGN, parse_campaign_document(CAMPAIGN), {**CAMPAIGN, "aliases": [7, "b"]}),
    ),
    "replay": (
        ReplayDocument,
        parse_replay_order,
        ({"filter": {"partner_id": "acme", "since": "2027-03-01T00:00:00Z"}},),
    ),
    "revocation": (RevocationOrder, lambda body: parsed_order(RevocationOrder, body), ({"kid": "k1", "void": True},)),
    "encryption": (EncryptionOrder, lambda body: parsed_order(EncryptionOrder, body), ({"token": "a.b.c"},)),
    "inspection": (
        InspectionOrder,
        lambda body: parsed_order(InspectionOrder, body),
        ({"partner_id": "acme", "campaign_id": "945645", "token": "a.b.c"},),
    ),
}
UNSPEAKABLE: Final = re.compile(
    r"(signature|encryption)\.keys\[\d+\](\.(pem|jwk(\..*)?|secret|kid|not_after))?|signature\.jwks_url|prefill\.url"
    r"|prefill\.mapping\.(form|optin)\..*|aliases\[\d+\]|allowed_origins\[\d+\]|form\[\d+\]\.name"
    r"|screens\..*\.return_url|filter\.(since|until)"
)
"""Paths of mistakes that no schema speaks of."""

_WORDS: Final = (
    "x e en pt-BR HS256 RS256 none jwks GET static claim timeout given-name text firstname #aabbcc https://x.example"
    " https://x.example/ HTTPS://X.EXAMPLE http://x.example:8080 ftp://x.example 2027-03-01T00:00:00Z 2027-03-01"
)
TEXTS: Final = ("", "a\nb", "\x00", "é", *("x" * length for length in (65, 300, 3000)), *_WORDS.split())
NUMBERS: Final = (0, 1, -1, 60, 61, 301, 100_001, 2_592_001, 10**9, 0.001, 0.05, 2.5, 60.0, 1e300, -0.0)
LEAVES: Final = (None, True, False, [], {}, [1], {"x": 1}, *NUMBERS, *TEXTS)

_leaves = st.sampled_from(LEAVES)
_names = st.sampled_from([*TEXTS, "name", "form", "optin", "kid", "secret", "pem", "jwk", "void", "dry_run", "title"])
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3), max_leaves=5
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a document with each of its keys."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        yield value, key
        yield from places(below)


@st.composite
def changed(draw: st.DrawFn, kind: str) -> Any:
    """Return a document that is valid but for a few changes: replaced, taken away, put in, doubled."""
    document = deepcopy(draw(st.sampled_from(KINDS[kind][2])))
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(document))
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        match draw(st.sampled_from(["replace", "remove", "add", "double", "borrow"])):
            case "replace":
                container[key] = deepcopy(draw(_values))
            case "remove":
                del container[key]
            case "double" if isinstance(container, list):
                container.append(deepcopy(container[key]))
            case "add" if isinstance(container, dict):
                container[draw(_names)] = deepcopy(draw(_values))
            case _:
                other, name = draw(st.sampled_from(found))
                container[key] = deepcopy(other[name]) if name in other or isinstance(name, int) else None
    return document


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200)
@given(data=st.data())
def test_schema_and_validator_refuse_the_same_after_a_few_changes(kind: str, data: st.DataObject) -> None:
    check_both(kind, data.draw(changed(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_schema_and_validator_refuse_the_same_with_anything_in_any_place(kind: str) -> None:
    checked = 0
    for original in KINDS[kind][2]:
        for index, _ in enumerate(list(places(original))):
            for leaf in LEAVES:
                body = deepcopy(original)
                container, key = list(places(body))[index]
                container[key] = deepcopy(leaf)
                check_both(kind, body)
                checked += 1

    assert checked >= len(LEAVES)


def check_both(kind: str, body: Any) -> None:
    """Fail where the schema lets through what the validator refuses, but for what no schema can say, or the reverse."""
    model, parse, _ = KINDS[kind]
    by_schema = [f"{error.json_path}: {error.message}" for error in validator_of(model).iter_errors(body)]
    by_validator = mistakes(parse, body)

    if by_schema:
        assert by_validator, (json.dumps(body), by_schema)
    else:
        assert [path for path in by_validator if not UNSPEAKABLE.fullmatch(path)] == [], (
            json.dumps(body),
            by_validator,
        )


@pytest.mark.parametrize("kind", KINDS)
def test_examples_pass_both(kind: str) -> None:
    model, parse, bodies = KINDS[kind]

    for body in bodies:
        assert list(validator_of(model).iter_errors(body)) == []
        assert mistakes(parse, body) == []


@cache
def validator_of(model: type[BaseModel]) -> Draft202012Validator:
    """Return what judges by the schema of a model."""
    schema = model.model_json_schema(schema_generator=PlainSchemas)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def mistakes(parse: Parse, body: Any) -> list[str]:
    """Return the paths of what is wrong with a body."""
    try:
        parse(body)
    except RequestInvalid as error:
        return [mistake.path for mistake in error.mistakes]
    return []
