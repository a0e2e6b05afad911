"""`token inspect`: what `token mint` makes holds, by every method; what is refused is told, with its exit code."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.jose.signature import SIGNATURE_ALGORITHMS
from tests.cli.commands import Commands

WHERE = ["--partner", "acme", "--campaign", "spring"]
API = {"url": "https://api.acme.invalid/{sub}", "authorization": {"from": "none"}}


@dataclass(frozen=True, slots=True)
class Shop:
    """A partner and its campaign; what is put holds until it is put again."""

    commands: Commands

    def put(self, **partner: Any) -> None:
        body = {"name": "ACME", **{name: value for name, value in partner.items() if value is not None}}
        self.commands.json("partner", "put", "acme", "-", input_=body)
        self.commands.json("campaign", "put", "spring", "-", input_={"partner_id": "acme", "name": "Spring"})

    def mint(self, *arguments: str) -> Any:
        return self.commands.json("token", "mint", "--campaign", "spring", *arguments)

    def inspect(self, token: str, *arguments: str) -> Result:
        runner = CliRunner(env=self.commands.environment)
        return runner.invoke(main, ["token", "inspect", *WHERE, *arguments], input=token)

    def verdict(self, token: str) -> tuple[int, Any]:
        result = self.inspect(token, "--json")
        return result.exit_code, json.loads(result.stdout)["verdict"]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    commands = Commands.at(tmp_path)
    commands.json("migrate")
    return Shop(commands)


ACCEPTED = (0, {"status": "accepted", "reason": None})


@pytest.mark.parametrize("alg", sorted(SIGNATURE_ALGORITHMS))
def test_minted_token_of_every_algorithm_is_accepted_by_the_document_that_was_shown(shop: Shop, alg: str) -> None:
    minted = shop.mint("--alg", alg)

    shop.put(signature=minted["signature"])

    assert shop.verdict(minted["token"]) == ACCEPTED


def test_minted_token_of_a_published_key_is_accepted_by_the_jwk_set_that_was_shown(shop: Shop) -> None:
    minted = shop.mint("--method", "jwks", "--alg", "PS256")
    signature = {**minted["signature"], "jwks_url": "https://acme.invalid/jwks.json"}
    shop.put(signature=signature)
    shop.commands.json("keys", "pin", "acme", "-", input_=minted["jwks"])

    assert shop.verdict(minted["token"]) == ACCEPTED


def test_minted_token_with_a_new_encryption_secret_is_accepted(shop: Shop) -> None:
    minted = shop.mint("--new-encrypt-secret")

    shop.put(signature=minted["signature"], encryption=minted["encryption"])

    assert minted["token"].count(".") == 4
    assert shop.verdict(minted["token"]) == ACCEPTED


@pytest.mark.parametrize("alg", ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW", None])
def test_minted_token_for_a_key_pair_of_ours_is_accepted(shop: Shop, alg: str | None) -> None:
    key, chosen = str(shop.commands.folder / "key.json"), ["--encrypt-alg", alg] if alg else []
    minted = shop.mint("--new-key", key)
    shop.put(signature=minted["signature"], encryption={"method": "key_pair", "required": True})

    encrypted = shop.mint("--key", key, "--encrypt-for", "acme", *chosen)

    assert shop.verdict(encrypted["token"]) == ACCEPTED
    assert shop.verdict(minted["token"]) == (5, {"status": "rejected", "reason": "token_not_encrypted"})


def test_minted_token_for_a_published_jwk_set_names_its_key(shop: Shop, tmp_path: Path) -> None:
    key = {"kty": "EC", "crv": "P-256", "kid": "enc-1", "use": "enc", "alg": "ECDH-ES"}
    point = {"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [{**key, **point}]}))

    minted = shop.mint("--encrypt-jwks", str(tmp_path / "jwks.json"))
    nothing = shop.commands.run(
        "token", "mint", "--campaign", "spring", "--encrypt-jwks", str(tmp_path / "jwks.json"), "--encrypt-alg", "dir"
    )

    assert minted["token"].count(".") == 4
    said = "No encryption key is published for that algorithm. (no_published_key_for_algorithm)"
    assert (nothing.exit_code, nothing.stderr) == (5, f"key_refused: {said}\n")


def test_minted_token_shows_what_its_partner_has_to_be_told_beside_the_token(shop: Shop) -> None:
    shown = shop.commands.run("token", "mint", "--campaign", "spring", "--method", "jwks", "--new-encrypt-secret")

    assert shown.stdout.count("\n") == 1
    assert '"jwks_url": "https://YOUR-HOST/jwks.json"' in shown.stderr
    assert '"method": "shared_secret"' in shown.stderr
    assert '"kty": "EC"' in shown.stderr
    assert '"d"' not in shown.stderr


def test_inspect_of_a_refused_token_shows_people_what_to_do(shop: Shop) -> None:
    minted = shop.mint("--claim", "exp=1")
    shop.put(signature=minted["signature"])

    shown = shop.inspect(f"\n{minted['token']}\n")

    lines = shown.stdout.splitlines()
    assert shown.exit_code == 5
    assert "✗ claims.exp         1" in lines
    assert any(line.strip().startswith("hint") and "docs/reasons.md#token_expired" in line for line in lines)
    assert "verdict: status rejected, reason token_expired" in lines
    assert "✓ signature          64 bytes, verified" in lines
    assert "· single_use" in lines


def test_inspect_reads_a_file(shop: Shop, tmp_path: Path) -> None:
    minted = shop.mint()
    shop.put(signature=minted["signature"])
    (tmp_path / "token.txt").write_text(minted["token"])

    shown = shop.inspect("", str(tmp_path / "token.txt"))

    assert shown.exit_code == 0
    assert "verdict: status accepted" in shown.stdout


def test_inspect_of_a_token_whose_keys_never_came_is_undecided(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.token_inspect.PATIENCE_SECONDS", 0.2)
    minted = shop.mint("--method", "jwks")
    shop.put(signature={**minted["signature"], "jwks_url": "https://acme.invalid/jwks.json"})

    assert shop.verdict(minted["token"]) == (7, {"status": "pending", "reason": "keys_unavailable"})


def test_inspect_with_a_dry_run_tells_how_the_partners_api_failed(shop: Shop) -> None:
    minted = shop.mint()
    shop.put(signature=minted["signature"], prefill=API)

    shown = shop.inspect(minted["token"], "--dry-run-prefill", "--json")

    dry_run = json.loads(shown.stdout)["dry_run"]
    assert (dry_run["status"], dry_run["reason"], dry_run["detail"]) == ("unavailable", "dns", "name_not_resolved")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["token", "inspect", "--partner", "acme", "--campaign", "nothing"], 4, id="no-campaign"),
        pytest.param(["token", "inspect", "--partner", "nobody", "--campaign", "spring"], 4, id="no-partner"),
        pytest.param(["token", "inspect", *WHERE, "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"], 2, id="token-as-an-argument"),
    ],
)
def test_inspect_that_cannot_be_done_ends_with_its_code(shop: Shop, arguments: list[str], code: int) -> None:
    shop.put(signature=shop.mint()["signature"])

    assert shop.commands.run(*arguments).exit_code == code


def test_inspect_of_what_is_far_too_large_is_refused(shop: Shop) -> None:
    shop.put(signature=shop.mint()["signature"])

    assert shop.inspect("x" * 70_000).exit_code == 5
