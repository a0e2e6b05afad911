"""`token mint`: tokens that verify, with the claims that were asked for, by keys of every kind."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.cli import main
from app.documents.partner import parse_partner_document
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt_payload
from app.jose.gate import open_token
from app.jose.keys import ImportedKeys, import_keys, import_secret
from app.jose.signature import verify_payload
from tests.cli.commands import Commands
from tests.documents.examples import HS_SECRET, OUTBOUND, partner_body


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands.at(tmp_path)


def claims_of(token: str, keys: Any, alg: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(verify_payload(token, keys, {alg}))
    return claims


def new_keys(signature: Any) -> ImportedKeys:
    return import_keys({"keys": [key["jwk"] for key in signature["keys"]]})


def test_mint_with_a_new_key_shows_what_the_partner_needs(commands: Commands) -> None:
    minted = commands.json("token", "mint", "--campaign", "spring")

    document = parse_partner_document(partner_body(signature=minted["signature"]), None, OUTBOUND)
    claims = claims_of(minted["token"], new_keys(minted["signature"]), "ES256")
    assert document["signature"]["algorithms"] == ["ES256"]
    assert set(claims) == {"sub", "campaignId", "iat", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == 3600


def test_mint_prints_the_token_alone_on_stdout(commands: Commands) -> None:
    minted = commands.run("token", "mint", "--campaign", "spring")

    assert minted.exit_code == 0
    open_token(minted.stdout.rstrip("\n"))
    assert '"d"' not in minted.output


def test_mint_refuses_a_number_that_json_cannot_say(commands: Commands) -> None:
    minted = commands.run("token", "mint", "--campaign", "spring", "--claim", "big=1e400")

    assert minted.exit_code == 2
    assert "a number is too large" in minted.stderr


def test_mint_says_every_claim_that_is_asked_for(commands: Commands) -> None:
    options = {
        "--sub": "ada",
        "--iss": "acme",
        "--aud": "vestibule",
        "--nb": "3",
        "--form": "firstname=Ada=Lovelace",
        "--optin": "newsletter=1",
        "--exp-in": "0",
        "--claim": 'gift={"label":"Spa day"}',
    }
    flat = [text for pair in options.items() for text in pair]

    minted = commands.json("token", "mint", "--campaign", "spring", "--cannot-play", *flat, "--claim", "jti=null")

    assert {name: value for name, value in minted["claims"].items() if name != "iat"} == {
        "sub": "ada",
        "campaignId": "spring",
        "jti": None,
        "iss": "acme",
        "aud": "vestibule",
        "limit": {"nb": 3, "canPlay": False},
        "form": {"firstname": "Ada=Lovelace"},
        "optin": {"newsletter": "1"},
        "gift": {"label": "Spa day"},
    }


@pytest.mark.parametrize(
    ("private", "alg"),
    [
        pytest.param(rsa.generate_private_key(65537, 2048), "RS256", id="rsa"),
        pytest.param(ec.generate_private_key(ec.SECP256R1()), "ES256", id="p-256"),
        pytest.param(ec.generate_private_key(ec.SECP521R1()), "ES512", id="p-521"),
        pytest.param(ed25519.Ed25519PrivateKey.generate(), "EdDSA", id="ed25519"),
    ],
)
def test_mint_signs_with_a_pem_key(commands: Commands, private: Any, alg: str) -> None:
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (commands.folder / "key.pem").write_bytes(pem)

    minted = commands.json("token", "mint", "--campaign", "spring", "--key", str(commands.folder / "key.pem"))

    document = partner_body(signature={"method": "public_key", "keys": [{"pem": public.decode()}], "algorithms": [alg]})
    parse_partner_document(document, None, OUTBOUND)
    assert open_token(minted["token"]).alg == alg


def test_mint_with_a_key_that_was_kept_signs_again_with_it(commands: Commands) -> None:
    file = commands.folder / "key.json"
    first = commands.json("token", "mint", "--campaign", "spring", "--alg", "RS256", "--new-key", str(file))

    second = commands.json("token", "mint", "--campaign", "spring", "--key", str(file))

    assert claims_of(second["token"], new_keys(first["signature"]), "RS256")["campaignId"] == "spring"
    assert file.stat().st_mode & 0o777 == 0o600


def test_mint_never_writes_over_a_key(commands: Commands) -> None:
    file = commands.folder / "key.json"
    file.write_text("precious")

    refused = commands.run("token", "mint", "--campaign", "spring", "--new-key", str(file))

    assert (refused.exit_code, file.read_text()) == (2, "precious")


def test_mint_with_files_that_hold_no_key_or_text_says_so(commands: Commands) -> None:
    binary = b"\xff" * 40

    no_key = commands.run("token", "mint", "--campaign", "spring", "--key", "-", input_={"keys": []})
    no_text = CliRunner().invoke(main, ["token", "mint", "--campaign", "spring", "--secret-file", "-"], input=binary)

    assert (no_key.exit_code, "not_a_private_key" in no_key.stderr) == (5, True)
    assert (no_text.exit_code, "this must be text, in UTF-8" in no_text.stderr) == (2, True)


def test_mint_with_secrets_signs_and_encrypts(commands: Commands) -> None:
    secret = "0123456789abcdefghijklmnopqrstuv"

    minted = commands.json(
        "token", "mint", "--campaign", "spring", "--secret", HS_SECRET, "--encrypt-secret", secret,
        "--encrypt-encoding", "text",
    )  # fmt: skip

    key = import_secret(secret, "text")
    inside = decrypt_payload(minted["token"], (key,), KEY_ALGORITHMS, CONTENT_ENCODINGS).decode()
    assert claims_of(inside, (import_secret(HS_SECRET, "text"),), "HS256") == minted["claims"]
    assert minted["signature"] is None


def test_mint_with_secrets_from_files_signs_and_encrypts(commands: Commands) -> None:
    secret = "0123456789abcdefghijklmnopqrstuv"
    signing, encrypting = commands.folder / "signing.txt", commands.folder / "encrypting.txt"
    signing.write_text(f"{HS_SECRET}\n")
    encrypting.write_text(secret)

    minted = commands.json(
        "token", "mint", "--campaign", "spring", "--secret-file", str(signing),
        "--encrypt-secret-file", str(encrypting), "--encrypt-encoding", "text",
    )  # fmt: skip

    inside = decrypt_payload(minted["token"], (import_secret(secret, "text"),), KEY_ALGORITHMS, CONTENT_ENCODINGS)
    assert claims_of(inside.decode(), (import_secret(HS_SECRET, "text"),), "HS256") == minted["claims"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--secret", "short"], 5, id="short-secret"),
        pytest.param(["--secret", HS_SECRET, "--alg", "RS256"], 5, id="algorithm-unfit"),
        pytest.param(["--secret", HS_SECRET, "--new-key", "x"], 2, id="two-keys"),
        pytest.param(["--secret", HS_SECRET, "--secret-file", "-"], 2, id="two-secrets"),
        pytest.param(["--alg", "HS256", "--method", "jwks"], 2, id="secret-by-jwks"),
        pytest.param(["--alg", "ES256", "--method", "symmetric"], 2, id="pair-by-secret"),
        pytest.param(["--alg", "HS256", "--new-key", "x"], 2, id="secret-to-a-file"),
        pytest.param(["--new-encrypt-secret", "--encrypt-for", "acme"], 2, id="two-encryptions"),
        pytest.param(["--new-encrypt-secret", "--encrypt-alg", "ECDH-ES"], 5, id="encryption-unfit"),
        pytest.param(["--encrypt-secret", "short"], 5, id="short-encryption-secret"),
        pytest.param(["--form", "firstname"], 2, id="no-pair"),
        pytest.param(["--claim", "sub=ada"], 2, id="claim-not-json"),
    ],
)
def test_mint_that_cannot_be_done_ends_without_a_token(commands: Commands, arguments: list[str], code: int) -> None:
    refused = commands.run("token", "mint", "--campaign", "spring", *arguments)

    assert (refused.exit_code, refused.stdout) == (code, "")
    assert "Traceback" not in refused.stderr


def test_mint_with_a_file_that_holds_no_private_key_is_refused(commands: Commands) -> None:
    (commands.folder / "key.pem").write_text("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n")

    refused = commands.run("token", "mint", "--campaign", "spring", "--key", str(commands.folder / "key.pem"))

    said = "This is no private key without a password, as PEM or as JWK. (not_a_private_key)"
    assert (refused.exit_code, refused.stdout, refused.stderr) == (5, "", f"key_refused: {said}\n")
