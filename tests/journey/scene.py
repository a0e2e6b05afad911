"""A journey's stage: a deployment with its callers and partners, and scenes on it (a partner with one campaign)."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.journey.client import Management, Participants, Visit
from tests.journey.deployment import ADMIN_ID, ADMIN_SECRET, WORKERS, Deployment
from tests.journey.partner_double import Endpoint, Fault, PartnerDouble
from tests.journey.tokens import Signer, claims_for

SCREENS = {
    "en": {
        "not_eligible": {"title": "Not now", "message": "Not open to you.", "return_url": "https://www.acme.example/"},
        "limit_reached": {"title": "Already played", "message": "No participations left.", "return_url": None},
        "token_rejected": {"title": "Who are you?", "message": "Please come back from our mail.", "return_url": None},
    }
}
ORIGIN = "https://www.acme.example"


@dataclass(frozen=True, slots=True)
class Scene:
    """One partner with one campaign; `signer` signs as the partner does."""

    partner_id: str
    campaign_id: str
    endpoint: Endpoint
    signer: Signer
    participants: Participants

    def arrive(self, **claims: Any) -> Visit:
        """Open a session with a valid token, apart from the changed claims."""
        return self.bring(self.signer.sign(claims_for(self.campaign_id, **claims)))

    def bring(self, token: str | None) -> Visit:
        """Open a session with that token."""
        return self.participants.arrive(self.campaign_id, token)

    def settle(self, visit: Visit) -> dict[str, Any]:
        """Return the session once it is settled."""
        return self.participants.settle(visit)

    def play(self, **claims: Any) -> dict[str, Any]:
        """Open a session with a valid token, apart from the changed claims, and return it settled."""
        return self.settle(self.arrive(**claims))


@dataclass(frozen=True, slots=True)
class Stage:
    """A deployment, its participants, its management client (with a bearer of its own) and the partners around it."""

    name: str
    deployment: Deployment
    partners: PartnerDouble
    participants: Participants
    management: Management
    broker: Any = field(default=None, repr=False)

    @classmethod
    def around(cls, name: str, deployment: Deployment, partners: PartnerDouble, broker: Any) -> "Stage":
        """Build the stage of a running deployment."""
        management = Management.authorize(deployment.url, ADMIN_ID, ADMIN_SECRET)
        return cls(name, deployment, partners, Participants(deployment.url), management, broker)

    def scene(
        self,
        signer: Signer | None = None,
        partner: Mapping[str, object] | None = None,
        campaign: Mapping[str, object] | None = None,
        method: str = "public_key",
        jwks_fault: Fault = Fault.NONE,
    ) -> Scene:
        """Store a partner (signing as `method`) and a campaign with the members given, and return them.

        Saving a partner asks for its keys at once: `jwks_fault` is what that finds.
        """
        name = uuid.uuid4().hex[:12]
        partner_id, campaign_id = f"partner-{name}", f"campaign-{name}"
        signer = signer or Signer.make("RS256", kid="key-1")
        endpoint = self.partners.endpoint(name)
        if method == "jwks":
            endpoint.jwks = [signer.jwk]
            endpoint.jwks_fault = jwks_fault
        signature = {"method": method, "algorithms": [signer.alg], **_keys(method, signer, endpoint)}
        self.management.store("partners", partner_id, {"name": "ACME", "signature": signature, **(partner or {})})
        document = {"partner_id": partner_id, "name": "Spring", "screens": SCREENS, "allowed_origins": [ORIGIN]}
        self.management.store("campaigns", campaign_id, {**document, **(campaign or {})})
        return Scene(partner_id, campaign_id, endpoint, signer, self.participants)

    def calling_scene(
        self, prefill: Mapping[str, object] | None = None, campaign: Mapping[str, object] | None = None
    ) -> Scene:
        """Return a scene whose partner has an API, called without a credential unless `prefill` says so."""
        scene = self.scene(campaign=campaign)
        self.give_api(scene, prefill or {})
        return scene

    @contextmanager
    def workers_paused(self) -> Iterator[None]:
        """Freeze all workers until the end of the block."""
        for role in WORKERS:
            self.deployment.pause(role)
        try:
            yield
        finally:
            for role in WORKERS:
                self.deployment.resume(role)

    def give_api(self, scene: Scene, prefill: Mapping[str, object]) -> None:
        """Store the partner of `scene` again, with a participant API."""
        api = {"url": scene.endpoint.people_url, "authorization": {"from": "none"}, **prefill}
        signature = {"method": "public_key", "algorithms": [scene.signer.alg], "keys": [{"pem": scene.signer.pem}]}
        self.management.store("partners", scene.partner_id, {"name": "ACME", "signature": signature, "prefill": api})


def _keys(method: str, signer: Signer, endpoint: Endpoint) -> dict[str, object]:
    match method:
        case "jwks":
            return {"jwks_url": endpoint.jwks_url}
        case "symmetric":
            return {"keys": [{"secret": signer.secret, "encoding": "hex"}]}
        case _:
            return {"keys": [{"pem": signer.pem}]}
