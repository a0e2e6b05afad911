"""The Crypto API and the keys behind it, over HTTP: bodies compared whole."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.domain.keyset import Keyset, KeysetPolicy
from app.ports import Work
from app.reasons import TokenReason
from app.steps.judge import JudgeToken
from app.steps.keyring import Keyring
from tests.builders import NOW, SOURCE, keyset
from tests.steps.pairs import encrypted_by_joserfc, paired_body
from tests.steps.verifying import SIGNING, key_pair, mint
from tests.web.management import Management

ENCRYPT = "/v1/crypto/encrypt"
KEYS = "/v1/partners/acme/encryption-keys"
JWKS = {"method": "jwks", "jwks_url": SOURCE, "algorithms": [SIGNING]}
SECONDS = int(NOW.timestamp())


@pytest_asyncio.fixture
async def management() -> AsyncIterator[Management]:
    async with Management().running() as running:
        running.with_client("admin")
        running.with_client("acme-client", "crypto:encrypt", partner_id="acme")
        yield running


async def put(management: Management, partner_id: str = "acme", method: str = "crypto_api", **changes: Any) -> None:
    answer = await management.call("PUT", f"/v1/partners/{partner_id}", json=paired_body(method, **changes))
    assert answer.status == 201, await answer.text()


async def encrypt(management: Management, body: Any, client_id: str = "acme-client") -> tuple[int, Any]:
    answer = await management.call("POST", ENCRYPT, client_id, json=body)
    return answer.status, await answer.json()


def judged(management: Management, token: str, partner_id: str = "acme") -> Any:
    """Return what a verify worker makes of it: another process, with key pairs as they are stored."""
    partner = management.configuration.load(frozenset(), frozenset({partner_id})).partners[partner_id]
    return JudgeToken(Keyring(), KeysetPolicy())(token, partner, None, NOW, NOW)


def problem(status: int, title: str, code: str, detail: str, instance: str = ENCRYPT, **more: Any) -> dict[str, Any]:
    said = {"title": title, "status": status, "detail": detail, "instance": instance, "code": code}
    return {"type": f"/docs/problems#{code}", **said, "request_id": "test-1", **more}


@pytest.mark.parametrize("method", ["crypto_api", "key_pair"])
async def test_encrypt_of_a_valid_token_gives_one_that_we_alone_can_read(management: Management, method: str) -> None:
    await put(management, method=method, encryption={"method": method, "required": True})
    token = mint()

    status, body = await encrypt(management, {"token": token})

    assert (status, set(body)) == (200, {"token"})
    assert body["token"].count(".") == 4
    assert judged(management, body["token"]).compact == token


async def test_encrypt_by_an_unbound_client_names_the_partner(management: Management) -> None:
    await put(management)

    named = await encrypt(management, {"token": mint(), "partner_id": "acme"}, "admin")
    unnamed = await encrypt(management, {"token": mint()}, "admin")

    mistake = {"path": "partner_id", "reason": "This client is bound to no partner; say whose token this is."}
    assert named[0] == 200
    assert unnamed == (
        422,
        problem(
            422,
            "Invalid request",
            "request_invalid",
            "The request has mistakes; each is listed in errors.",
            errors=[mistake],
        ),
    )


async def test_encrypt_by_a_bound_client_that_names_its_own_partner_is_the_same(management: Management) -> None:
    await put(management)

    assert (await encrypt(management, {"token": mint(), "partner_id": "acme"}))[0] == 200


@pytest.mark.parametrize(
    ("client_id", "partner_id"),
    [
        pytest.param("acme-client", "globex", id="of-another"),
        pytest.param("admin", "nobody", id="none"),
        pytest.param("admin", "\u0000", id="no-id"),
    ],
)
async def test_encrypt_for_a_partner_that_the_client_does_not_see_is_unknown(
    management: Management, client_id: str, partner_id: str
) -> None:
    await put(management, "globex")

    answered = await encrypt(management, {"token": mint(), "partner_id": partner_id}, client_id)

    assert answered == (
        404,
        problem(404, "Unknown partner", "partner_unknown", "There is no partner of this id."),
    )


async def test_encrypt_for_a_partner_without_key_pairs_is_refused(management: Management) -> None:
    await put(management, encryption=None)

    answered = await encrypt(management, {"token": mint()})

    detail = "There are no key pairs of ours for this partner."
    assert answered == (404, problem(404, "Unknown encryption keys", "encryption_keys_unknown", detail))


@pytest.mark.parametrize(
    ("token", "reason", "why"),
    [
        pytest.param("x", "token_malformed", "token_malformed: not three or five parts of base64url", id="shape"),
        pytest.param("x" * 16385, "token_too_large", "token_too_large", id="size"),
        pytest.param(mint("k2"), "signature_invalid", "signature_invalid", id="signature"),
        pytest.param(mint(exp=SECONDS - 61), "token_expired", "token_expired: exp", id="expired"),
        pytest.param(mint(exp=None), "claim_missing", "claim_missing: exp", id="without-exp"),
        pytest.param(mint(campaignId=None), "claim_missing", "claim_missing: campaignId", id="without-campaign"),
        pytest.param(mint(iss="other"), "issuer_mismatch", "issuer_mismatch: iss", id="issuer"),
        pytest.param(mint(iss="acme", aud="other"), "audience_mismatch", "audience_mismatch: aud", id="audience"),
        pytest.param(
            mint(iss="acme", aud=["here"], form={"story": "ab" * 5800}),
            "token_too_large",
            "token_too_large: once encrypted",
            id="jwe",
        ),
    ],
)
async def test_encrypt_of_a_token_that_the_partner_s_configuration_refuses_says_why(
    management: Management, token: str, reason: str, why: str
) -> None:
    await put(management, issuer="acme", audience="here")

    answered = await encrypt(management, {"token": token})

    expected = problem(422, "Token rejected", "token_rejected", f"The token was refused: {why}.", reason=reason)
    assert answered == (422, expected)


async def test_encrypt_of_an_encrypted_token_is_refused(management: Management) -> None:
    await put(management)
    _, body = await encrypt(management, {"token": mint()})

    status, again = await encrypt(management, body)

    assert (status, again["reason"]) == (422, "token_unexpectedly_encrypted")


@pytest.mark.parametrize(
    ("known", "reason", "asked"),
    [
        pytest.param(None, TokenReason.KEYS_UNAVAILABLE, frozenset(), id="never-fetched"),
        pytest.param(
            keyset(keys=(key_pair("k2")[1],), fetched_at=NOW.replace(hour=1), attempted_at=NOW.replace(hour=1)),
            TokenReason.KID_UNKNOWN,
            frozenset({"k1"}),
            id="another-key",
        ),
    ],
)
async def test_encrypt_by_a_key_that_is_not_here_asks_for_it_and_calls_nobody(
    management: Management, known: Keyset | None, reason: TokenReason, asked: frozenset[str]
) -> None:
    await put(management, signature=JWKS)
    management.keysets.rows = {} if known is None else {SOURCE: known}
    management.hints.rung.clear()

    status, body = await encrypt(management, {"token": mint()})
    asked_kids = frozenset(management.keysets.rows[SOURCE].asked_kids)
    management.keysets.rows[SOURCE] = keyset(version=2, keys=(key_pair("k1")[1],))
    later = await encrypt(management, {"token": mint()})

    assert (status, body["reason"], later[0]) == (422, reason, 200)
    assert body["detail"].endswith("its keys have been asked for, try again in a few seconds.")
    assert management.hints.rung == [(Work.REFRESH, 1)]
    assert asked_kids == asked


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        pytest.param({}, [("token", "This member is required.")], id="empty"),
        pytest.param({"token": 1}, [("token", "This must be text.")], id="number"),
        pytest.param(
            {"token": None, "partner_id": 1, "x": 1},
            [
                ("token", "This must be text."),
                ("partner_id", "This must be text."),
                ("x", "There is no member of this name."),
            ],
            id="everything",
        ),
    ],
)
async def test_encrypt_of_a_body_that_says_something_else_lists_every_mistake(
    management: Management, body: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    await put(management)

    status, answered = await encrypt(management, body)

    assert (status, answered["code"]) == (422, "request_invalid")
    assert answered["errors"] == [{"path": path, "reason": reason} for path, reason in errors]


async def test_encrypt_needs_its_scope(management: Management) -> None:
    management.with_client("reader", "partners:read")

    status, body = await encrypt(management, {"token": mint()}, "reader")

    assert (status, body["code"]) == (403, "scope_missing")


async def test_encryption_keys_are_public_and_may_be_kept_for_a_while(management: Management) -> None:
    await put(management, method="key_pair")

    answer = await management.http.get(KEYS)

    body = await answer.json()
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=300")
    assert [(key["kty"], key["alg"], key["use"]) for key in body["keys"]] == [
        ("RSA", "RSA-OAEP-256", "enc"),
        ("EC", "ECDH-ES", "enc"),
        ("EC", "ECDH-ES+A256KW", "enc"),
        ("OKP", "ECDH-ES", "enc"),
        ("OKP", "ECDH-ES+A256KW", "enc"),
    ]
    assert all({"d", "p", "q", "k"}.isdisjoint(key) for key in body["keys"])
    assert judged(management, encrypted_by_joserfc(body["keys"][0])).claims["sub"] == "ada"


@pytest.mark.parametrize("partner_id", ["plain", "nobody", "%00", "x" * 65])
async def test_encryption_keys_that_there_are_not_are_unknown_whether_the_partner_exists_or_not(
    management: Management, partner_id: str
) -> None:
    await put(management, "plain", encryption=None)
    path = f"/v1/partners/{partner_id}/encryption-keys"

    answer = await management.http.get(path, headers={"X-Request-ID": "test-1"})

    detail = "There are no key pairs of ours for this partner."
    assert answer.status == 404
    assert await answer.json() == problem(404, "Unknown encryption keys", "encryption_keys_unknown", detail, path)


async def test_encrypt_of_tokens_that_come_together_answers_each_by_itself(management: Management) -> None:
    await put(management)
    good, bad = [mint(jti=str(number)) for number in range(12)], [mint("k2"), "x"]

    answers = await asyncio.gather(*(encrypt(management, {"token": token}) for token in [*good, *bad]))

    assert [status for status, _ in answers] == [200] * 12 + [422] * 2
    assert [judged(management, body["token"]).compact for _, body in answers[:12]] == good
    assert [body["reason"] for _, body in answers[12:]] == ["signature_invalid", "token_malformed"]
