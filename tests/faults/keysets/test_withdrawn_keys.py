"""A key that is withdrawn, by its partner or by hand, is refused by every process from its next batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.faults.keysets.brands import ACCEPTED, Brand, warm_brand
from tests.faults.keysets.fleet import events, more_processes
from tests.faults.keysets.jwks_server import Source, key_set
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.scene import Stage
from tests.journey.tokens import Signer
from tests.servers.process import OwnProcess

pytestmark = pytest.mark.journey

PROCESSES = 3
_AT_ONCE = 5
_WITHIN_SECONDS = 40.0


@pytest.fixture(scope="module")
def verifying(brisk_stage: Stage) -> Iterator[list[OwnProcess]]:
    """Give the verifying processes, each with a log of its own; there are no others."""
    deployment = brisk_stage.deployment
    deployment.terminate("verify")
    try:
        with more_processes(deployment, "verify", PROCESSES, {"VERIFY_PROCESSES": "1", "CLAIM_ROWS": "4"}) as processes:
            yield processes
    finally:
        deployment.restart("verify")


@dataclass(frozen=True, slots=True)
class Everywhere:
    """All processes that verify, and a brand whose tokens they judge."""

    brand: Brand
    processes: Sequence[OwnProcess]

    def play(self, signer: Signer, outcome: str) -> None:
        """Have tokens judged until each process has had some with that outcome; fail if any has another one."""
        judged_before = [len(events(process, "batch.verified")) for process in self.processes]
        visits = list[Visit]()

        def is_seen_by_all() -> bool:
            visits.extend(self.brand.arrive(signer) for _ in range(_AT_ONCE))
            return all(outcome in outcomes for outcomes in self._outcomes(judged_before))

        eventually(is_seen_by_all, _WITHIN_SECONDS, f"{outcome} in each process")
        verdicts = set(self.brand.settle_all(visits, _WITHIN_SECONDS))
        assert verdicts == {ACCEPTED if outcome == "accepted" else ("rejected", outcome)}

    def _outcomes(self, judged_before: Sequence[int]) -> list[set[str]]:
        return [
            {outcome for batch in events(process, "batch.verified")[before:] for outcome in batch["outcomes"]}
            for process, before in zip(self.processes, judged_before, strict=True)
        ]


def test_revoked_key_is_refused_by_every_process_from_its_next_batch_whatever_the_partner_publishes(
    brisk: Stage, verifying: list[OwnProcess], source: Source
) -> None:
    bad, good = Signer.make("ES256", kid="stolen"), Signer.make("ES256", kid="safe")
    brand = warm_brand(brisk, source, bad, good)
    everywhere = Everywhere(brand, verifying)
    everywhere.play(bad, "accepted")

    brand.revoke("stolen")
    everywhere.play(bad, "key_revoked")
    brand.refresh()
    eventually(source.hits, 10, "a refresh")

    assert brand.play(bad) == ("rejected", "key_revoked")
    assert brand.play(good) == ACCEPTED


def test_removed_key_is_refused_by_every_process_once_the_set_is_read_again(
    brisk: Stage, verifying: list[OwnProcess], source: Source
) -> None:
    gone, kept = Signer.make("ES256", kid="gone"), Signer.make("ES256", kid="kept")
    brand = warm_brand(brisk, source, gone, kept)
    everywhere = Everywhere(brand, verifying)
    everywhere.play(gone, "accepted")
    version = brand.keyset()["version"]

    source.go_on(key_set(kept.jwk))
    brand.refresh()
    eventually(lambda: brand.keyset()["version"] > version, 20, "a new version of the set")
    everywhere.play(gone, "kid_unknown")

    assert [key["kid"] for key in brand.keyset()["keys"]] == ["kept"]
    assert brand.play(kept) == ACCEPTED
