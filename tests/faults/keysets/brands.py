"""A partner that signs by a key set, with one campaign; and what a management client sees of its keys.

Knows the interfaces; refuses to know what is behind them.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.keysets.jwks_server import Reply, Source, key_set
from tests.journey.calls import Answer
from tests.journey.client import Visit
from tests.journey.scene import SCREENS, Stage
from tests.journey.tokens import Signer, claims_for

ACCEPTED = ("accepted", None)
UNREACHABLE = Reply(status=503)


@dataclass(frozen=True, slots=True)
class Brand:
    """One partner with one campaign on a stage, whose keys stand at `source`."""

    stage: Stage
    source: Source
    partner_id: str
    campaign_id: str

    def arrive(self, signer: Signer, **claims: Any) -> Visit:
        """Open a session with a token of `signer`."""
        return self.bring(signer.sign(claims_for(self.campaign_id, **claims)))

    def bring(self, token: str) -> Visit:
        """Open a session with that token."""
        return self.stage.participants.arrive(self.campaign_id, token)

    def settle(self, visit: Visit, within_seconds: float = 20) -> tuple[str, str | None]:
        """Return what became of the token, and why; raise TooLate."""
        return _token(self.stage.participants.settle(visit, within_seconds))

    def settle_all(self, visits: Iterable[Visit], within_seconds: float = 20) -> list[tuple[str, str | None]]:
        """Return what became of each token, and why; raise TooLate."""
        return [self.settle(visit, within_seconds) for visit in visits]

    def look(self, visit: Visit) -> tuple[str, str | None]:
        """Return what the token is taken for now, and why."""
        return _token(self.stage.participants.read(visit))

    def play(self, signer: Signer, within_seconds: float = 20) -> tuple[str, str | None]:
        """Open a session with a token of `signer`, and return what became of it, and why."""
        return self.settle(self.arrive(signer), within_seconds)

    def keyset(self) -> dict[str, Any]:
        """Return the key set as a management client sees it; fail unless the answer is 200."""
        answer = self.stage.management.get(f"partners/{self.partner_id}/keyset")
        assert answer.status == 200, str(answer)
        body: dict[str, Any] = answer.json()
        return body

    def refresh(self) -> Answer:
        """Ask for a refresh; fail unless it was taken."""
        return self._order("refresh", {})

    def revoke(self, kid: str) -> Answer:
        """Revoke a key; fail unless it was taken."""
        return self._order("revoke", {"kid": kid})

    def _order(self, what: str, content: Mapping[str, object]) -> Answer:
        answer = self.stage.management.post(f"partners/{self.partner_id}/keyset/{what}", content)
        assert answer.status // 100 == 2, str(answer)
        return answer


def cold_brand(stage: Stage, source: Source, algorithms: Sequence[str] = ("ES256",)) -> Brand:
    """Store a partner and a campaign while nothing can be had at `source`: whoever looks now learns no key."""
    source.play(UNREACHABLE)
    return stored_brand(stage, source, algorithms)


def warm_brand(stage: Stage, source: Source, *signers: Signer, **headers: str) -> Brand:
    """Store a partner and a campaign, and see a token of each signer accepted; hits are counted from then on."""
    reply = key_set(*(signer.jwk for signer in signers), **headers)
    source.play(reply)
    brand = stored_brand(stage, source, sorted({signer.alg for signer in signers}))
    assert [brand.play(signer) for signer in signers] == [ACCEPTED] * len(signers)
    source.play(reply)
    return brand


def stored_brand(stage: Stage, source: Source, algorithms: Sequence[str], aliases: Sequence[str] = ()) -> Brand:
    """Store a partner whose JWK Set is at `source`, and a campaign."""
    name = uuid.uuid4().hex[:12]
    brand = Brand(stage, source, f"partner-{name}", f"campaign-{name}")
    signature = {"method": "jwks", "algorithms": list(algorithms), "jwks_url": source.url}
    stage.management.store("partners", brand.partner_id, {"name": "ACME", "signature": signature})
    campaign = {"partner_id": brand.partner_id, "name": "Spring", "screens": SCREENS, "aliases": list(aliases)}
    stage.management.store("campaigns", brand.campaign_id, campaign)
    return brand


def _token(session: Mapping[str, Any]) -> tuple[str, str | None]:
    return session["token"]["status"], session["token"]["reason"]
