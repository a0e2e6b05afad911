"""Secrets in documents: the mask, their way to the store and back, and what a mask that comes back stands for."""

from copy import deepcopy
from ipaddress import ip_network
from typing import Any

import pytest

from app.documents.partner import parse_partner_document
from app.documents.secrets import MASK, join_secrets, mask_document, split_secrets
from app.domain.outside import OutboundPolicy
from tests.documents.examples import (
    AES_SECRET,
    CREDENTIAL,
    HS_SECRET,
    OUTBOUND,
    campaign_body,
    partner_mistakes,
    secretive_body,
)

STORED = parse_partner_document(secretive_body(), None, OUTBOUND)
UNKNOWN = "There is no stored secret that this mask stands for; send the secret itself."
MOVED = "The address has another host than before; send the secret itself."
UNREADABLE = "Beside an address that cannot be read, this mask stands for nothing."


def masked() -> dict[str, Any]:
    return mask_document("partner", STORED)


def test_mask_document_hides_every_secret_and_nothing_else() -> None:
    before = deepcopy(STORED)

    document = masked()

    for secret in (HS_SECRET, AES_SECRET, CREDENTIAL):
        assert secret not in str(document)
    assert str(document).count(MASK) == 4
    assert {**document, "signature": 0, "encryption": 0, "prefill": 0} == {
        **STORED,
        "signature": 0,
        "encryption": 0,
        "prefill": 0,
    }
    assert before == STORED


def test_split_secrets_joined_again_are_the_document() -> None:
    apart, secrets = split_secrets("partner", STORED)

    document = join_secrets("partner", apart, secrets)

    assert document == STORED
    assert secrets == {
        "signature.keys[0].secret": HS_SECRET,
        "signature.keys[1].secret": HS_SECRET + "2",
        "encryption.keys[0].secret": AES_SECRET,
        "prefill.authorization.secret": CREDENTIAL,
    }


def test_split_secrets_of_a_campaign_finds_none() -> None:
    apart, secrets = split_secrets("campaign", campaign_body())

    assert (apart, secrets) == (campaign_body(), {})


def test_masked_document_sent_back_keeps_every_secret() -> None:
    document = parse_partner_document(masked(), STORED, OUTBOUND)

    assert document == STORED


def test_masked_key_with_a_kid_keeps_its_secret_wherever_it_stands() -> None:
    sent = masked()
    sent["signature"]["keys"] = [sent["signature"]["keys"][1]]

    document = parse_partner_document(sent, STORED, OUTBOUND)

    assert [key["secret"] for key in document["signature"]["keys"]] == [HS_SECRET + "2"]


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        pytest.param("https://b\u00fccher.example:443/x", "https://b\u00fccher.example:443/x", id="as-it-was-sent"),
        pytest.param("https://xn--bcher-kva.example/x", "https://B\u00dcCHER.example/x", id="other-spelling"),
        pytest.param("https://a.example/x", "https://a.example:443/x", id="usual-port"),
        pytest.param("https://a.example/x", "https://a.example?x=1", id="other-query"),
        pytest.param("https://a.example/x", "https://a.example/{sub}", id="other-path"),
    ],
)
def test_masked_credential_beside_another_spelling_of_the_host_keeps_its_secret(stored: str, sent: str) -> None:
    previous = parse_partner_document(secretive_body(prefill=_prefill(stored, CREDENTIAL)), None, OUTBOUND)

    document = parse_partner_document(secretive_body(prefill=_prefill(sent, MASK)), previous, OUTBOUND)

    assert document["prefill"]["authorization"]["secret"] == CREDENTIAL


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param("https://a.example:444/x", MOVED, id="other-port"),
        pytest.param("https://b.example/a.example", MOVED, id="other-host"),
        pytest.param("https://a.example@b.example/x", UNREADABLE, id="user-name"),
        pytest.param("https://a.example\\@b.example/x", UNREADABLE, id="backslash"),
        pytest.param("https://a.example#/x", UNREADABLE, id="fragment"),
        pytest.param("a.example", UNREADABLE, id="no-address"),
        pytest.param(1, UNREADABLE, id="no-text"),
    ],
)
def test_masked_credential_beside_another_or_no_host_is_refused(sent: object, reason: str) -> None:
    previous = parse_partner_document(
        secretive_body(prefill=_prefill("https://a.example/x", CREDENTIAL)), None, OUTBOUND
    )

    found = partner_mistakes(secretive_body(prefill=_prefill(sent, MASK)), previous)

    assert found["prefill.authorization.secret"] == reason


def test_masked_credential_where_the_stored_address_may_not_be_called_any_more_is_refused() -> None:
    formerly = OutboundPolicy((ip_network("10.0.0.0/8"),))
    prefill = _prefill("http://10.0.0.1/x", CREDENTIAL)
    previous = parse_partner_document(secretive_body(prefill=prefill), None, formerly)

    found = partner_mistakes(mask_document("partner", previous), previous)

    assert found["prefill.authorization.secret"] == UNREADABLE


def _prefill(url: object, secret: str) -> dict[str, Any]:
    return {"url": url, "authorization": {"from": "static", "secret": secret}}


def with_a_key_before(sent: dict[str, Any]) -> None:
    sent["encryption"]["keys"].insert(0, {"secret": "0123456789abcdef"})


def with_another_host(sent: dict[str, Any]) -> None:
    sent["prefill"]["url"] = "https://elsewhere.example/p"


def with_another_encoding(sent: dict[str, Any]) -> None:
    sent["signature"]["keys"][0]["encoding"] = "hex"


def with_another_kid(sent: dict[str, Any]) -> None:
    sent["signature"]["keys"][1]["kid"] = "unknown"


@pytest.mark.parametrize(
    ("change", "mistakes"),
    [
        pytest.param(with_a_key_before, {"encryption.keys[1].secret": UNKNOWN}, id="key-moved"),
        pytest.param(with_another_kid, {"signature.keys[1].secret": UNKNOWN}, id="kid-unknown"),
        pytest.param(
            with_another_host,
            {"prefill.authorization.secret": MOVED},
            id="host-changed",
        ),
        pytest.param(
            with_another_encoding,
            {"signature.keys[0].secret": "The encoding has changed; send the secret itself."},
            id="encoding-changed",
        ),
    ],
)
def test_mask_that_would_be_a_guess_is_refused(change: Any, mistakes: dict[str, str]) -> None:
    sent = masked()
    change(sent)

    found = partner_mistakes(sent, STORED)

    assert found == mistakes


def test_mask_in_a_new_document_is_refused_beside_its_other_mistakes() -> None:
    found = partner_mistakes({**masked(), "leeway_seconds": -1}, None)

    assert found == {
        "signature.keys[0].secret": UNKNOWN,
        "signature.keys[1].secret": UNKNOWN,
        "encryption.keys[0].secret": UNKNOWN,
        "prefill.authorization.secret": UNKNOWN,
        "leeway_seconds": "This must be at least 0.",
    }


def test_masked_key_after_one_was_taken_away_is_refused() -> None:
    previous = parse_partner_document(
        secretive_body(
            encryption={"method": "shared_secret", "keys": [{"secret": AES_SECRET}, {"secret": "0123456789abcdef"}]}
        ),
        None,
        OUTBOUND,
    )
    sent = mask_document("partner", previous)
    sent["encryption"]["keys"].pop(0)

    found = partner_mistakes(sent, previous)

    assert found == {"encryption.keys[0].secret": UNKNOWN}


NEVER: dict[str, Any] = {}
SOON = {"not_after": "2027-04-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("places", "added"),
    [
        pytest.param([1], 1, id="first-taken-away-and-another-added"),
        pytest.param([0], 1, id="second-replaced"),
        pytest.param([1, 0], 0, id="order-changed"),
    ],
)
def test_masked_key_without_a_kid_that_may_have_moved_is_refused(places: list[int], added: int) -> None:
    previous = _stored_keys({"secret": AES_SECRET, **SOON}, {"secret": "0123456789abcdef", **NEVER})
    sent = mask_document("partner", previous)
    keys = sent["encryption"]["keys"]
    sent["encryption"]["keys"] = [keys[place] for place in places] + [{"secret": "next" * 4}] * added

    found = partner_mistakes(sent, previous)

    assert found == {f"encryption.keys[{place}].secret": UNKNOWN for place in range(len(places))}


@pytest.mark.parametrize("changes", [(NEVER, NEVER), (SOON, SOON), (SOON, NEVER)])
def test_masked_keys_in_their_places_keep_their_secrets_whatever_ends_when(changes: Any) -> None:
    previous = _stored_keys({"secret": AES_SECRET, **NEVER}, {"secret": "0123456789abcdef", **NEVER})
    sent = mask_document("partner", previous)
    for key, change in zip(sent["encryption"]["keys"], changes, strict=True):
        key.update(change)
    sent["encryption"]["keys"].append({"secret": "next" * 4})

    document = parse_partner_document(sent, previous, OUTBOUND)

    assert [key["secret"] for key in document["encryption"]["keys"]] == [AES_SECRET, "0123456789abcdef", "next" * 4]


def _stored_keys(*keys: dict[str, Any]) -> dict[str, Any]:
    body = secretive_body(encryption={"method": "shared_secret", "keys": list(keys)})
    return parse_partner_document(body, None, OUTBOUND)
