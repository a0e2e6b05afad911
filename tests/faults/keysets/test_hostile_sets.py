"""Hostile key sets: the good key among the bad serves, or the set is refused whole; either way the operator is told."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.faults.keysets.brands import ACCEPTED, Brand, cold_brand, warm_brand
from tests.faults.keysets.fleet import events
from tests.faults.keysets.hostile_documents import GOOD, LEAKED, TWICE, Hostile, hostile_documents
from tests.faults.keysets.jwks_server import JwksServer, json_reply, key_set
from tests.journey.deadline import eventually
from tests.journey.scene import Stage
from tests.journey.tokens import Signer

pytestmark = pytest.mark.journey


def meet(stage: Stage, jwks: JwksServer, hostile: Hostile) -> Brand:
    """Have a session wait for the good key of a hostile set."""
    brand = cold_brand(stage, jwks.source())
    brand.source.play(hostile.reply)
    return brand


def has_been_judged(brand: Brand) -> bool:
    """Tell whether the service has made up its mind about the set as it is now, and not as it was when it was down."""
    keyset = brand.keyset()
    return keyset["version"] > 0 or (keyset["last_error"] or "").startswith("contract")


def reasons(brand: Brand) -> set[tuple[str | None, str]]:
    """Return kids and reasons of the dropped keys, as an operator sees them."""
    return {(key["kid"], key["reason"]) for key in brand.keyset()["dropped"]}


def test_hostile_set_serves_its_good_key_or_is_refused_whole(brisk: Stage, jwks: JwksServer) -> None:
    documents = hostile_documents()
    with ThreadPoolExecutor(len(documents)) as threads:
        brands = dict(zip(documents, threads.map(partial(meet, brisk, jwks), documents.values()), strict=True))
    visits = {name: brand.arrive(GOOD) for name, brand in brands.items()}
    taken = {name: hostile.dropped for name, hostile in documents.items() if hostile.dropped is not None}

    for name, brand in brands.items():
        eventually(partial(has_been_judged, brand), 20, f"a verdict on {name}")
    dropped = {name: reasons(brands[name]) for name in taken}
    verdicts = {name: brands[name].settle(visits[name]) for name in taken}
    refused = {name: brand.look(visits[name]) for name, brand in brands.items() if name not in taken}
    for name in refused:
        brands[name].source.play(key_set(GOOD.jwk))
    recovered = {name: brands[name].settle(visits[name]) for name in refused}

    assert dropped == taken
    assert verdicts == dict.fromkeys(taken, ACCEPTED)
    assert refused == dict.fromkeys(refused, ("pending", None))
    assert recovered == dict.fromkeys(refused, ACCEPTED)


@pytest.mark.parametrize(
    ("signer", "published"),
    [pytest.param(LEAKED, "private EC", id="leaked"), pytest.param(TWICE, "kid twice", id="twice")],
)
def test_key_that_was_dropped_verifies_nothing(brisk: Stage, jwks: JwksServer, signer: Signer, published: str) -> None:
    source = jwks.source()
    brand = warm_brand(brisk, source, GOOD)
    source.play(hostile_documents()[published].reply)

    verdict = brand.play(signer)

    assert verdict == ("rejected", "kid_unknown")
    assert brand.play(GOOD) == ACCEPTED


def test_private_key_that_is_published_raises_an_alarm(brisk: Stage, jwks: JwksServer) -> None:
    brand = meet(brisk, jwks, hostile_documents()["private EC"])
    brand.play(GOOD)
    alarms = eventually(
        lambda: events(brisk.deployment._running["fetch"], "keyset.private_key_published"), 5, "an alarm"
    )

    assert brand.source.url in {alarm["source"] for alarm in alarms}
    assert {alarm["level"] for alarm in alarms} == {"error"}


def test_hostile_set_after_a_good_one_changes_nothing_and_tells_why(brisk: Stage, jwks: JwksServer) -> None:
    source = jwks.source()
    brand = warm_brand(brisk, source, GOOD)
    before = brand.keyset()
    source.play(json_reply({"keys": [{"kty": "oct", "k": "A" * 43, "kid": "good"}]}))

    brand.refresh()
    after = eventually(lambda: found if (found := brand.keyset())["last_error"] else None, 20, "a failed refresh")
    verdict = brand.play(GOOD)
    source.play(key_set(GOOD.jwk))

    assert (after["keys"], after["version"]) == (before["keys"], before["version"])
    assert after["dropped"] == [{"kid": "good", "reason": "symmetric_key"}]
    assert verdict == ACCEPTED
