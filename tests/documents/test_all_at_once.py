"""Every mistake of a document is told at once: those between members too, whatever is wrong with a member."""

from typing import Any

import pytest

from app.documents.listing import parse_page_query
from app.documents.orders import RevocationOrder, parsed_order
from app.documents.replay import parse_letter_query
from app.errors import RequestInvalid
from tests.documents.examples import AES_SECRET, campaign_mistakes, partner_mistakes


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        pytest.param({"aliases": ["a", "a"]}, {"aliases[1]"}, id="aliases"),
        pytest.param({"languages": ["en", "fr", "en"]}, {"languages[2]"}, id="languages"),
        pytest.param({"allowed_origins": ["https://a.example"] * 2}, {"allowed_origins[1]"}, id="origins"),
        pytest.param({"form": [{"name": "x", "label": {"en": "X"}}] * 2}, {"form[1].name"}, id="fields"),
        pytest.param(
            {"aliases": ["a", "a"], "form": [{"name": "x"}]}, {"aliases[1]", "form[0].label"}, id="beside-another-part"
        ),
    ],
)
def test_campaign_whose_name_is_wrong_is_told_of_its_repetitions_too(changes: dict[str, Any], paths: set[str]) -> None:
    assert campaign_mistakes({"partner_id": "acme", "name": "", **changes}).keys() == {"name", *paths}


@pytest.mark.parametrize(
    ("signature", "paths"),
    [
        pytest.param(
            {"method": "symmetric", "keys": [{"secret": "x", "encoding": "hex"}], "algorithms": ["RS256"]},
            {"signature.keys[0].secret", "signature.algorithms[0]"},
            id="symmetric",
        ),
        pytest.param(
            {"method": "jwks", "jwks_url": "http://x.example/", "algorithms": ["HS256", "RS256", "RS256"]},
            {"signature.jwks_url", "signature.algorithms[0]", "signature.algorithms[2]"},
            id="jwks",
        ),
        pytest.param(
            {"method": "public_key", "keys": [{"pem": "x"}], "algorithms": ["HS256"]},
            {"signature.keys[0].pem", "signature.algorithms[0]"},
            id="public-key",
        ),
    ],
)
def test_partner_with_a_wrong_key_is_told_of_its_algorithms_too(signature: dict[str, Any], paths: set[str]) -> None:
    assert partner_mistakes({"name": "", "signature": signature}).keys() == {"name", *paths}


def test_part_with_a_wrong_member_is_told_of_its_keys_too() -> None:
    keys = [{"secret": AES_SECRET, "kid": "a"}, {"secret": AES_SECRET, "kid": "a"}]
    encryption = {"method": "shared_secret", "keys": keys, "required": "yes"}
    signature = {"method": "jwks", "jwks_url": "https://acme.example/jwks", "algorithms": ["RS256"]}

    mistakes = partner_mistakes({"name": "ACME", "signature": signature, "encryption": encryption})

    assert mistakes.keys() == {"encryption.required", "encryption.keys[1].kid"}


def test_order_and_queries_are_told_of_both() -> None:
    window = {"since": "2030-01-01T00:00:00Z", "until": "2029-01-01T00:00:00Z"}

    assert _paths(lambda: parsed_order(RevocationOrder, {"kid": 5, "dry_run": True, "void": True})) == ["kid", "void"]
    assert _paths(lambda: parse_letter_query({"limit": "0", **window})) == ["limit", "until"]
    assert _paths(lambda: parse_page_query({"limit": "0"})) == ["limit"]


def _paths(parse: Any) -> list[str]:
    with pytest.raises(RequestInvalid) as refused:
        parse()
    return [mistake.path for mistake in refused.value.mistakes]
