"""The Wycheproof JOSE vectors: every one answered right, but for the seventeen that we answer otherwise on purpose."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.errors import TokenRejected
from app.jose.encryption import decrypt_payload
from app.jose.encryption_rules import ENCODING_RULES, KEY_RULES
from app.jose.keys import import_keys
from app.jose.signature import SIGNATURE_ALGORITHMS, verify_payload

PROJECT = Path(__file__).resolve().parents[2]
SIGNATURE_FILES = ("json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json")
ENCRYPTION_FILES = ("json_web_encryption_test.json", "json_web_crypto_test.json")

SAME_AS_A_VALID_ONE = {367, 370}
NOT_BASE64URL = {372, 373}
KEY_SAYS_ANOTHER_ALG = {346, 347, 350, 351}
RSA1_5 = {100, 101, 102, 103, 104, 105, 112, 128}
COMPRESSED = {135}


@pytest.fixture(scope="module")
def vectors() -> Path:
    """Return the folder of the vectors; where they are missing a CI run fails, and a developer's run says so."""
    root = Path(os.environ.get("VESTIBULE_VECTORS", PROJECT.parent / "shared" / "vectors"))
    folder = root / "wycheproof"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail("the Wycheproof vectors are missing; VESTIBULE_VECTORS names their folder")
        pytest.skip("the Wycheproof vectors are missing; VESTIBULE_VECTORS names their folder")
    return folder


def test_wycheproof_signatures_all_are_answered_right_but_eight(vectors: Path) -> None:
    expected = {("json_web_signature_test.json", number) for number in SAME_AS_A_VALID_ONE | NOT_BASE64URL}
    expected |= {("json_web_signature_test.json", number) for number in KEY_SAYS_ANOTHER_ALG}

    answers = [
        (name, test["tcId"], _is_verified(group, test["jws"]) == (test["result"] == "valid"))
        for name, group, test in _tests(vectors, SIGNATURE_FILES, "jws")
    ]

    assert len(answers) == 476
    assert {(name, number) for name, number, is_right in answers if not is_right} == expected


def test_wycheproof_encryption_all_are_answered_right_but_nine(vectors: Path) -> None:
    expected = {("json_web_encryption_test.json", number) for number in RSA1_5 | COMPRESSED}

    answers = [
        (name, test["tcId"], _is_right(test, _decrypted(group, test["jwe"])))
        for name, group, test in _tests(vectors, ENCRYPTION_FILES, "jwe")
    ]

    assert len(answers) == 173
    assert {(name, number) for name, number, is_right in answers if not is_right} == expected


def _tests(folder: Path, names: tuple[str, ...], kind: str) -> Iterator[tuple[str, Any, Any]]:
    for name in names:
        for group in json.loads((folder / name).read_text("utf-8"))["testGroups"]:
            yield from ((name, group, test) for test in group["tests"] if kind in test)


def _is_verified(group: Mapping[str, Any], token: Any) -> bool:
    keys = import_keys(group.get("public") or group["private"])
    try:
        verify_payload(token, keys, SIGNATURE_ALGORITHMS)
    except TokenRejected:
        return False
    return True


def _decrypted(group: Mapping[str, Any], token: Any) -> bytes | None:
    try:
        return decrypt_payload(token, import_keys(group["private"]).keys, KEY_RULES, ENCODING_RULES)
    except TokenRejected:
        return None


def _is_right(test: Mapping[str, Any], plaintext: bytes | None) -> bool:
    if test["result"] == "invalid":
        return plaintext is None
    # The valid tests of json_web_crypto come without their plaintext.
    return plaintext is not None and ("pt" not in test or plaintext == bytes.fromhex(test["pt"]))
