"""The Crypto API as a step: how many tokens one core encrypts."""

import time
from collections.abc import Callable

from app.domain.keyset import KeysetPolicy
from app.steps.authorize import Caller
from app.steps.encrypt import EncryptToken
from app.steps.judge import JudgeToken
from app.steps.key_pairs import PublishKeyPairs
from app.steps.vouch import VouchForToken
from tests.fakes import MemoryKeysets, RecordingHints
from tests.steps.pairs import Pairs
from tests.steps.verifying import mint

PER_SECOND_AND_CORE = 1_500
ROUNDS, TOKENS_A_ROUND = 6, 150


def encrypting(pairs: Pairs) -> Callable[[str], str]:
    vouch = VouchForToken(MemoryKeysets(), JudgeToken(pairs.keyring, KeysetPolicy()), RecordingHints(), pairs.clock)
    publish = PublishKeyPairs(pairs.configuration, pairs.make)
    step = EncryptToken(pairs.configuration, publish, vouch, pairs.keyring, pairs.clock)
    return lambda token: step(token, None, Caller("acme-client", frozenset(), "acme"))


def test_encrypt_does_fifteen_hundred_tokens_a_second_on_one_core() -> None:
    pairs = Pairs()
    pairs.configure(method="crypto_api")
    encrypt, tokens = encrypting(pairs), [mint(jti=str(number)) for number in range(TOKENS_A_ROUND)]

    rates = [_rate(encrypt, tokens) for _ in range(ROUNDS)]  # the best one: whatever else runs here only slows it

    assert max(rates) >= PER_SECOND_AND_CORE


def test_encrypt_of_one_token_twice_never_gives_the_same_text() -> None:
    pairs = Pairs()
    pairs.configure(method="crypto_api")
    encrypt, token = encrypting(pairs), mint()

    first, second = encrypt(token), encrypt(token)

    assert [pairs.judge(text).compact for text in (first, second)] == [token, token]
    assert all(one != other for one, other in zip(first.split(".")[0:4], second.split(".")[0:4], strict=True))


def _rate(encrypt: Callable[[str], str], tokens: list[str]) -> float:
    began = time.process_time()
    for token in tokens:
        encrypt(token)
    return len(tokens) / (time.process_time() - began)
