import hmac
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from textwrap import dedent
from typing import Final
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.adapters import sealing
from app.adapters.digests import KeyedDigests, load_digests
from app.adapters.sealing import AesSealing, KeyRing, SessionKeys
from app.errors import MasterKeyMissing, SealBroken
from tests.builders import NOW
from tests.fakes import MemorySecrets

OLD, NEW = b"o" * 32, b"n" * 32
SALT: Final = slice(5, 13)
"""Behind the version and the key's id."""
NONCE: Final = slice(13, 25)
PLACE = "sessions.token:ses_1"
SEALING = AesSealing(KeyRing.of((OLD,)))


def test_sealing_opens_what_it_sealed() -> None:
    sealed = SEALING.seal(b"token", PLACE)

    assert SEALING.open(sealed, PLACE) == b"token"
    assert SEALING.open(SEALING.seal(b"", PLACE), PLACE) == b""
    assert b"token" not in sealed
    assert sealed != SEALING.seal(b"token", PLACE)


def test_sealing_draws_its_nonces_many_at_a_time_and_uses_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    urandom = Mock(wraps=os.urandom)
    monkeypatch.setattr(os, "urandom", urandom)
    with ThreadPoolExecutor(4) as threads:
        sealed = list(threads.map(lambda _: SEALING.seal(b"", PLACE), range(2_000)))

    assert len({value[NONCE] for value in sealed}) == 2_000
    assert urandom.call_count < 10
    assert {SEALING.open(value, PLACE) for value in sealed} == {b""}


def test_sealing_takes_another_subkey_after_so_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_VALUES_OF_A_SUBKEY", 3)
    writing = AesSealing(KeyRing.of((OLD,)))

    sealed = [writing.seal(b"token", PLACE) for _ in range(7)]

    salts = [value[SALT] for value in sealed]
    assert [salts.count(salt) for salt in dict.fromkeys(salts)] == [3, 3, 1]
    assert {SEALING.open(value, PLACE) for value in sealed} == {b"token"}


def test_each_sealing_has_a_subkey_of_its_own() -> None:
    salts = {AesSealing(KeyRing.of((OLD,))).seal(b"token", PLACE)[SALT] for _ in range(8)}

    assert len(salts) == 8


def test_sealing_under_another_salt_opens_nothing() -> None:
    one, other = (AesSealing(KeyRing.of((OLD,))).seal(b"token", PLACE) for _ in range(2))

    with pytest.raises(SealBroken):
        SEALING.open(one[: SALT.start] + other[SALT] + one[SALT.stop :], PLACE)


def test_sealing_opens_what_was_sealed_under_a_subkey_of_its_place() -> None:
    """Such values begin with version 1."""
    head = b"\x01" + HKDF(SHA256(), 4, None, b"vestibule key id").derive(OLD)
    seal_key = HKDF(SHA256(), 32, None, b"vestibule seal").derive(OLD)
    nonce, subkey = bytes(range(12)), hmac.digest(seal_key, PLACE.encode(), "sha256")
    sealed = head + nonce + AESGCM(subkey).encrypt(nonce, b"token", PLACE.encode())

    assert SEALING.open(sealed, PLACE) == b"token"
    with pytest.raises(SealBroken):
        SEALING.open(sealed, "sessions.token:ses_2")
    with pytest.raises(SealBroken):
        SEALING.open(sealed[:-1], PLACE)
    with pytest.raises(MasterKeyMissing):
        AesSealing(KeyRing.of((NEW,))).open(sealed, PLACE)


def test_sealing_in_a_child_of_a_fork_uses_no_nonce_of_its_parent() -> None:
    script = """
        import os
        from app.adapters.sealing import AesSealing, KeyRing
        sealing = AesSealing(KeyRing.of((bytes(32),)))
        sealing.seal(b"", "a.b:c")
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, sealing.seal(b"", "a.b:c"))
            os._exit(0)
        os.wait()
        print(os.read(reading, 99) != sealing.seal(b"", "a.b:c"))"""
    done = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True)

    assert done.stdout == "True\n"


@pytest.mark.parametrize("position", [pytest.param(n, id=f"byte {n}") for n in (0, 1, 4, 5, 12, 13, 24, 25, -1)])
def test_sealing_refuses_a_changed_value(position: int) -> None:
    sealed = bytearray(SEALING.seal(b"token", PLACE))
    sealed[position] ^= 1

    with pytest.raises(SealBroken):
        SEALING.open(bytes(sealed), PLACE)


@pytest.mark.parametrize("length", [pytest.param(n, id=f"{n} bytes") for n in (0, 1, 4, 5, 12, 13, 24, 25, 40)])
def test_sealing_refuses_a_value_cut_short(length: int) -> None:
    sealed = SEALING.seal(b"token", PLACE)

    with pytest.raises(SealBroken):
        SEALING.open(sealed[:length], PLACE)


def test_sealing_refuses_a_value_of_another_place() -> None:
    sealed = SEALING.seal(b"token", PLACE)

    with pytest.raises(SealBroken):
        SEALING.open(sealed, "sessions.token:ses_2")


def test_sealing_refuses_a_master_key_outside_of_the_ring() -> None:
    with pytest.raises(MasterKeyMissing):
        AesSealing(KeyRing.of((NEW,))).open(SEALING.seal(b"token", PLACE), PLACE)


def test_sealing_writes_with_the_first_key_and_reads_with_all() -> None:
    rotated = AesSealing(KeyRing.of((NEW, OLD)))

    sealed = rotated.seal(b"token", PLACE)

    assert rotated.open(SEALING.seal(b"old", PLACE), PLACE) == b"old"
    assert AesSealing(KeyRing.of((NEW,))).open(sealed, PLACE) == b"token"


def test_key_ring_shows_no_key() -> None:
    shown = repr(AesSealing(KeyRing.of((OLD, NEW)))) + repr(SessionKeys(KeyRing.of((OLD,))))

    assert not any(text in shown for text in ("oooo", "nnnn", "seal=", "session="))


def test_session_key_opens_its_session_and_no_other() -> None:
    keys = SessionKeys(KeyRing.of((OLD,)))

    key = keys.make("ses_1")

    assert keys.holds("ses_1", key)
    assert not keys.holds("ses_2", key)
    assert keys.make("ses_1") == key


def test_session_key_outlives_a_rotation() -> None:
    key = SessionKeys(KeyRing.of((OLD,))).make("ses_1")
    rotated = SessionKeys(KeyRing.of((NEW, OLD)))

    assert rotated.holds("ses_1", key)
    assert rotated.make("ses_1") != key
    assert not SessionKeys(KeyRing.of((NEW,))).holds("ses_1", key)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda key: key[:-1], id="cut short"),
        pytest.param(lambda key: key + "A", id="too long"),
        pytest.param(lambda key: key.partition(".")[2], id="without key id"),
        pytest.param(lambda key: key.replace(".", ".\udc80"), id="a lone surrogate"),
        pytest.param(lambda key: key[:-2] + ("AA" if key[-2:] != "AA" else "BB"), id="another mac"),
        pytest.param(lambda key: key.upper(), id="upper case"),
    ],
)
def test_session_key_that_is_spoiled_opens_nothing(spoil: Callable[[str], str]) -> None:
    keys = SessionKeys(KeyRing.of((OLD,)))

    assert not keys.holds("ses_1", spoil(keys.make("ses_1")))


def test_digests_tell_partners_and_kinds_apart() -> None:
    digests = KeyedDigests(b"secret")

    made = {
        digests.participant("acme", "ada"),
        digests.participant("acmea", "da"),
        digests.participant("globex", "ada"),
        digests.jti("acme", "ada"),
        KeyedDigests(b"other").participant("acme", "ada"),
    }

    assert len(made) == 5
    assert all(len(digest) == 43 for digest in made)


def test_digest_of_a_participant_stays_the_same_for_ever() -> None:
    digest = KeyedDigests(b"d" * 32).participant("acme", "ada")

    assert digest == "fPTYiWB0RCcig26wP0IlRDwkP3Ht7UpDcRP_JFnRqTY"


def test_digests_share_one_secret_that_is_made_once() -> None:
    secrets = MemorySecrets()

    first, second = load_digests(secrets, NOW), load_digests(secrets, NOW)

    assert first == second
    assert len(first.secret) == 32
    assert "secret" not in repr(first)
