"""Canaries: every secret of a whole journey is searched for, at the lowest log level, wherever it could show."""

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from urllib.parse import quote

import pytest

from tests.journey import sinks
from tests.journey.calls import call
from tests.journey.client import Visit
from tests.journey.deadline import eventually
from tests.journey.deployment import ADMIN_SECRET, MASTER_KEY
from tests.journey.scene import Scene, Stage
from tests.journey.tokens import Signer, claims_for, encrypt

pytestmark = pytest.mark.journey


class Canaries:
    """Secrets by name; a token counts by its payload and by its signature, since each alone gives it away."""

    def __init__(self) -> None:
        self.octets: dict[str, bytes] = {"master key": MASTER_KEY.encode(), "admin secret": ADMIN_SECRET.encode()}
        self.octets["master key, raw"] = bytes.fromhex(MASTER_KEY)

    def plant(self, name: str) -> str:
        """Return a new secret text."""
        text = f"canary{uuid.uuid4().hex}"
        self.octets[name] = text.encode()
        return text

    def watch(self, name: str, secret: str) -> str:
        """Watch for a secret that is not ours to choose."""
        self.octets[name] = secret.encode()
        return secret

    def watch_token(self, name: str, token: str) -> str:
        """Watch for the parts of a token that are not its header."""
        for number, part in enumerate(token.split(".")[1:], start=1):
            if part:
                self.watch(f"{name}, part {number}", part)
        return token

    def found_in(self, places: Iterable[tuple[str, bytes]]) -> set[tuple[str, str]]:
        """Return where a secret shows, as place and secret's name."""
        return {(place, name) for place, content in places for name, octets in self.octets.items() if octets in content}


def test_secrets_of_a_journey_show_nowhere(stage: Stage) -> None:
    canaries = Canaries()
    canaries.watch("management bearer", stage.management.bearer)
    calling, sealed, symmetric = _scenes(stage, canaries)
    tokens = {
        "carried": (
            symmetric,
            _token(canaries, symmetric, "carried", form={"firstname": canaries.plant("form value")}),
        ),
        "fetched": (calling, _token(canaries, calling, "fetched", access_token=canaries.plant("access token"))),
        "encrypted": (sealed[0], encrypt(_token(canaries, sealed[0], "inner"), sealed[1], "dir", "A256GCM")),
        "expired": (symmetric, _token(canaries, symmetric, "expired", exp=1)),
    }
    canaries.watch_token("encrypted", tokens["encrypted"][1])

    with stage.workers_paused():
        visits = {name: scene.bring(token) for name, (scene, token) in tokens.items()}
        hints = eventually(lambda: _hints_of_one_more(stage, symmetric), 5, "a hint in the broker")
        at_rest = canaries.found_in(sinks.database(stage))
    sessions = {name: tokens[name][0].settle(visit) for name, visit in visits.items()}
    for name, visit in visits.items():
        canaries.watch(f"session key of {name}", visit.key.partition(".")[2])
    shown = {"errors": _error_bodies(stage, calling, canaries, visits["fetched"])}

    assert sessions["carried"]["prefill"]["status"] == "ready"
    assert sessions["fetched"]["prefill"]["form"]["firstname"].startswith("canary")
    assert sessions["encrypted"]["token"]["status"] == "accepted"
    assert sessions["expired"]["token"]["reason"] == "token_expired"
    assert canaries.found_in(("broker", hint) for hint in hints) == set()
    assert at_rest == set()
    assert canaries.found_in(sinks.everything_that_shows(stage)) == set()
    assert canaries.found_in((name, body) for name, bodies in shown.items() for body in bodies) == set()


def _hints_of_one_more(stage: Stage, scene: Scene) -> list[bytes]:
    """Arrive once more and return what waits in the broker: frozen workers of RabbitMQ hold the first hints."""
    scene.arrive()
    return sinks.broker(stage)


def test_search_for_canaries_finds_what_does_show(stage: Stage) -> None:
    canaries = Canaries()
    scene = stage.scene()
    canaries.watch("campaign", scene.campaign_id)
    canaries.watch("session", scene.play(exp=1)["session_id"])

    found = canaries.found_in(sinks.everything_that_shows(stage))

    assert {("table campaigns", "campaign"), ("table sessions", "session")} <= found
    assert any(place.startswith("log of") for place, _ in found)


def _scenes(stage: Stage, canaries: Canaries) -> tuple[Scene, tuple[Scene, bytes], Scene]:
    """Return three partners: one with an API, one that encrypts (with its secret), one that signs with a secret."""
    calling = stage.scene()
    stage.give_api(calling, {"authorization": {"from": "claim"}})
    calling.endpoint.answer = {"form": {"firstname": canaries.plant("partner's value")}}
    secret = os.urandom(32)
    keys = [{"secret": canaries.watch("encryption secret", secret.hex()), "encoding": "hex"}]
    sealed = stage.scene(partner={"encryption": {"method": "shared_secret", "keys": keys}})
    signer = Signer.make("HS256")
    canaries.watch("signature secret", signer.secret)
    credential = canaries.plant("credential")
    api = {"url": calling.endpoint.people_url, "authorization": {"from": "static", "secret": credential}}
    return calling, (sealed, secret), stage.scene(signer, partner={"prefill": api}, method="symmetric")


def _token(canaries: Canaries, scene: Scene, name: str, **claims: object) -> str:
    sub = canaries.plant(f"sub of {name}")
    custom = {"note": canaries.plant(f"custom of {name}")}
    return canaries.watch_token(
        name, scene.signer.sign(claims_for(scene.campaign_id, sub=sub, custom=custom, **claims))
    )


def _error_bodies(stage: Stage, scene: Scene, canaries: Canaries, visit: Visit) -> list[bytes]:
    """Return what refusals say that were provoked with secrets in every place that a caller can fill."""
    url, secret = stage.deployment.url, canaries.plant("secret in a request")
    session = f"{url}/v1/sessions/{visit.id}"
    bearer = {"Authorization": f"Bearer {secret}"}
    document: Mapping[str, object] = {
        "name": "ACME",
        "signature": {"method": "symmetric", "keys": [{"secret": secret[:20]}], "algorithms": ["HS512"]},
    }
    canaries.watch("secret in a document", secret[:20])
    answers = [
        call("GET", session, bearer),
        call("GET", f"{session}?wait={secret}", {"Authorization": f"Bearer {visit.key}"}),
        call("GET", f"{url}/v1/partners/acme", bearer),
        call("GET", f"{url}/c/{scene.campaign_id}?token={quote(secret)}"),
        call("GET", f"{url}/c/{scene.campaign_id}?token={scene.signer.sign({'sub': secret})}"),
        call("POST", f"{url}/oauth/token", {"Content-Type": "application/x-www-form-urlencoded"}, secret.encode()),
        scene.participants.post(scene.campaign_id, {"token": f"{secret}.{secret}"}),
        scene.participants.post(scene.campaign_id, {"token": {"x": secret}}),
        scene.participants.post(scene.campaign_id, {"token": "a.b.c"}, {"Idempotency-Key": f"{secret} {secret}"}),
        call("POST", scene.participants.sessions_url(scene.campaign_id), {"Content-Type": secret}, b"{}"),
        call("POST", f"{url}/v1/inspect", bearer, json.dumps({"token": secret}).encode()),
        call("DELETE", f"{url}/v1/partners/nobody/participants/{secret}", stage.management.headers()),
        call("DELETE", f"{url}/v1/partners/nobody/participants/{secret}", bearer),
        stage.management.put("partners", "canary-partner", document),
    ]
    assert [answer.status for answer in answers if answer.status >= 500] == []
    return [answer.body + repr(answer.headers).encode() for answer in answers]
