"""What holds at the gate for any text at all."""

import json
import string
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.strict_json import NotStrictJson, parse
from app.errors import TokenRejected
from app.jose import base64url
from app.jose.encryption import CONTENT_ENCODINGS, KEY_ALGORITHMS, decrypt_payload, encrypt
from app.jose.gate import open_token, require_kid
from app.jose.keys import KeyPolicy, import_keys
from app.jose.signature import SIGNATURE_ALGORITHMS, verify_payload
from tests.jose.tokens import KeyRing, hand_signed

BASE64URL = string.ascii_letters + string.digits + "-_"
NEARLY_TOKENS = st.lists(st.text(alphabet=BASE64URL, max_size=24), min_size=1, max_size=6).map(".".join)
PLAIN_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(alphabet=st.characters(codec="utf-8"), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
ANY_JWK = st.dictionaries(
    st.sampled_from(
        ["kty", "crv", "x", "y", "n", "e", "d", "k", "kid", "alg", "use", "key_ops", "p", "oth", "generate"]
    ),
    st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "X25519", "AQAB", "A" * 43, "", "sig"])
    | PLAIN_JSON,
    max_size=9,
)


@settings(max_examples=200)
@given(data=st.data(), alg=st.sampled_from(["HS256", "ES256", "RS256", "EdDSA"]))
def test_verify_payload_one_changed_character_is_refused(keys: KeyRing, data: st.DataObject, alg: str) -> None:
    token = hand_signed({"alg": alg, "kid": "k1"}, keys(alg).private, alg)
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(
        (st.sampled_from(BASE64URL + ".") | st.characters()).filter(lambda drawn: drawn != token[place])
    )

    changed = token[:place] + character + token[place + 1 :]

    assert _is_refused(changed, keys)


@settings(max_examples=100)
@given(data=st.data(), alg=st.sampled_from(["A256KW", "A256GCMKW", "ECDH-ES", "RSA-OAEP-256"]))
def test_decrypt_payload_one_changed_character_is_refused(keys: KeyRing, data: st.DataObject, alg: str) -> None:
    inner = hand_signed({"alg": "HS256"}, keys("HS256").private, "HS256")
    token = encrypt(inner, keys(alg).public, alg, "A256GCM", None)
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from(BASE64URL + ".").filter(lambda drawn: drawn != token[place]))

    changed = token[:place] + character + token[place + 1 :]

    assert _is_refused(changed, keys)


@settings(max_examples=300)
@given(text=st.text(max_size=200) | NEARLY_TOKENS)
@example(text="..")
@example(text="....")
def test_gate_any_text_raises_nothing_but_token_rejected(keys: KeyRing, text: str) -> None:
    assert _is_refused(text, keys)


@settings(max_examples=300)
@given(
    header=st.binary(max_size=80) | PLAIN_JSON.map(lambda value: json.dumps(value).encode()),
    rest=st.sampled_from([2, 4]),
)
def test_gate_any_header_raises_nothing_but_token_rejected(keys: KeyRing, header: bytes, rest: int) -> None:
    text = base64url.encode(header) + ".AAAA" * rest

    assert _is_refused(text, keys)


@settings(max_examples=300)
@given(
    header=st.fixed_dictionaries(
        {"alg": st.sampled_from(sorted(KEY_ALGORITHMS)), "enc": st.sampled_from(sorted(CONTENT_ENCODINGS))},
        optional={
            "epk": ANY_JWK | PLAIN_JSON,
            "apu": PLAIN_JSON,
            "apv": PLAIN_JSON,
            "iv": st.sampled_from(["A" * 16]) | PLAIN_JSON,
            "tag": st.sampled_from(["A" * 22]) | PLAIN_JSON,
            "kid": PLAIN_JSON,
            "cty": PLAIN_JSON,
        },
    ),
    sizes=st.tuples(*(st.sampled_from([0, 12, 16, 24, 32, 40, 256]),) * 4),
)
def test_decrypt_any_members_of_a_header_raise_nothing_but_token_rejected(
    keys: KeyRing, header: dict[str, object], sizes: tuple[int, ...]
) -> None:
    parts = [json.dumps(header).encode(), *map(bytes, sizes)]

    text = ".".join(map(base64url.encode, parts))

    assert _is_refused(text, keys)


@settings(max_examples=300)
@given(
    document=ANY_JWK
    | PLAIN_JSON
    | st.fixed_dictionaries({"keys": st.lists(ANY_JWK | PLAIN_JSON, max_size=4) | PLAIN_JSON})
)
def test_import_keys_any_document_raises_nothing_and_accounts_for_every_entry(document: object) -> None:
    entries = document.get("keys") if isinstance(document, dict) and "keys" in document else [document]
    expected = len(entries) if isinstance(entries, list) else 1

    for policy in (KeyPolicy(), KeyPolicy.remote()):
        imported = import_keys(document, policy)

        assert len(imported.keys) + len(imported.dropped) == expected


@given(value=PLAIN_JSON)
def test_strict_json_plain_value_is_read_as_it_was_written(value: object) -> None:
    assert parse(json.dumps(value)) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(name=st.text(max_size=8), first=PLAIN_JSON, second=PLAIN_JSON)
def test_strict_json_name_twice_is_refused_however_spelled(name: str, first: object, second: object) -> None:
    escaped = "".join(f"\\u{unit:04x}" for unit in _utf16_units(name))
    text = f'{{{json.dumps(name)}:{json.dumps(first)},"{escaped}":{json.dumps(second)}}}'

    assert _is_not_strict(text)


@given(text=st.text(max_size=60) | st.binary(max_size=60))
def test_strict_json_any_input_raises_nothing_but_its_own_refusal(text: str | bytes) -> None:
    try:
        value = parse(text)
    except NotStrictJson:
        return

    assert json.loads(text) == value


def _is_refused(text: str, keys: KeyRing) -> bool:
    verifying = [keys(alg).public for alg in ("HS256", "ES256", "RS256", "EdDSA")]
    decrypting = [keys(alg).private for alg in ("A256KW", "A256GCMKW", "ECDH-ES", "RSA-OAEP-256", "X25519")]
    return (
        _raises_refusal(lambda: require_kid(open_token(text)) and verify_payload(text, verifying, SIGNATURE_ALGORITHMS))
        and _raises_refusal(lambda: verify_payload(text, verifying, SIGNATURE_ALGORITHMS))
        and _raises_refusal(lambda: decrypt_payload(text, decrypting, KEY_ALGORITHMS, CONTENT_ENCODINGS))
    )


def _raises_refusal(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except TokenRejected:
        return True
    return False


def _is_not_strict(text: str) -> bool:
    try:
        parse(text)
    except NotStrictJson:
        return True
    return False


def _utf16_units(text: str) -> list[int]:
    raw = text.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw), 2)]
