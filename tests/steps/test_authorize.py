"""The Authorization API: who gets an access token, what it says, and who is let in with one."""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.scopes import ALL_SCOPES, Scope
from app.errors import InsideError, Unauthenticated
from app.jose.signing import generate_key, sign
from app.management_ports import ApiClient
from app.steps.authorize import (
    AuthorizeRequest,
    Caller,
    GrantError,
    GrantRefused,
    IssueAccessToken,
)
from app.steps.client_secrets import ClientSecrets, hash_secret
from app.steps.secrets import EnsureSecrets, SigningKeys
from tests.builders import NOW
from tests.fakes import FixedClock, MemoryClients, MemorySecrets

BASE = "https://vestibule.example"
SECRET = "a-client-secret-of-some-length"
HASH = hash_secret(SECRET)


@dataclass(slots=True)
class World:
    clients: MemoryClients = field(default_factory=MemoryClients)
    secrets: MemorySecrets = field(default_factory=MemorySecrets)
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        EnsureSecrets(self.secrets, self.clock)()

    def with_client(self, id_: str = "ci", scopes: frozenset[str] = frozenset(), partner_id: str | None = None) -> None:
        self.clients.put(ApiClient(id_, HASH, scopes, partner_id, NOW))

    @property
    def keys(self) -> SigningKeys:
        return SigningKeys(self.secrets, self.clock)

    def issue(self, secret: str = SECRET, scope: str | None = None, client_id: str = "ci") -> Any:
        return IssueAccessToken(self.clients, ClientSecrets(), self.keys, self.clock, BASE)(client_id, secret, scope)

    def authorize(self) -> AuthorizeRequest:
        return AuthorizeRequest(self.clients, self.keys, self.clock, BASE)

    def forged(self, header: dict[str, str] | None = None, **changes: Any) -> str:
        claims = {"iss": BASE, "aud": BASE, "client_id": "ci", "scope": "stats:read", "exp": NOW.timestamp() + 60}
        said = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        current = self.keys.current()
        typed = {"typ": "at+jwt", "kid": current.kid} if header is None else header
        return sign(json.dumps(said).encode(), current.key, "ES256", typed)


@pytest.fixture
def world() -> World:
    return World()


def decoded(part: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=="))
    return content


def test_access_token_is_a_jwt_of_rfc_9068(world: World) -> None:
    world.with_client(scopes=frozenset({"stats:read", "keys:read"}))

    issued = world.issue()

    header, claims = (decoded(part) for part in issued.access_token.split(".")[:2])
    assert header == {"typ": "at+jwt", "alg": "ES256", "kid": "signing-1"}
    jti = claims.pop("jti")
    assert len(jti) >= 16
    assert claims == {
        "iss": BASE,
        "aud": BASE,
        "sub": "ci",
        "client_id": "ci",
        "scope": "keys:read stats:read",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
    }
    assert (issued.expires_in, issued.scope) == (3600, "keys:read stats:read")
    assert issued.access_token not in repr(issued)


def test_access_token_lets_its_client_in_with_its_scopes_and_partner(world: World) -> None:
    world.with_client(scopes=frozenset({"stats:read", "keys:read"}), partner_id="acme")

    caller = world.authorize()(world.issue(scope="keys:read").access_token)

    assert caller == Caller("ci", frozenset({Scope.KEYS_READ}), "acme")


def test_client_without_listed_scopes_has_them_all(world: World) -> None:
    world.with_client()

    caller = world.authorize()(world.issue().access_token)

    assert caller.scopes == ALL_SCOPES


@pytest.mark.parametrize(
    ("client_id", "secret", "scope", "error"),
    [
        pytest.param("ci", SECRET + "x", None, GrantError.INVALID_CLIENT, id="wrong-secret"),
        pytest.param("ci", "", None, GrantError.INVALID_CLIENT, id="no-secret"),
        pytest.param("ci", "x" * 100_000, None, GrantError.INVALID_CLIENT, id="huge-secret"),
        pytest.param("nobody", SECRET, None, GrantError.INVALID_CLIENT, id="unknown-client"),
        pytest.param("gone", SECRET, None, GrantError.INVALID_CLIENT, id="revoked-client"),
        pytest.param("ci", SECRET, "partners:write", GrantError.INVALID_SCOPE, id="scope-of-others"),
        pytest.param("ci", SECRET, "stats:read everything", GrantError.INVALID_SCOPE, id="unknown-scope"),
    ],
)
def test_token_request_that_is_wrong_is_refused(
    world: World, client_id: str, secret: str, scope: str | None, error: GrantError
) -> None:
    world.with_client(scopes=frozenset({"stats:read"}))
    world.with_client("gone")
    world.clients.revoke("gone", NOW)

    with pytest.raises(GrantRefused) as refused:
        world.issue(secret, scope, client_id)

    assert refused.value.error is error


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"iss": "https://other.example"}, id="issuer"),
        pytest.param({"aud": "https://other.example"}, id="audience"),
        pytest.param({"exp": NOW.timestamp()}, id="expired"),
        pytest.param({"exp": None}, id="no-exp"),
        pytest.param({"exp": "tomorrow"}, id="exp-text"),
        pytest.param({"client_id": 5}, id="client-number"),
        pytest.param({"client_id": "nobody"}, id="client-unknown"),
        pytest.param({"scope": None}, id="no-scope"),
        pytest.param({"header": {"typ": "JWT", "kid": "signing-1"}}, id="another-type"),
        pytest.param({"header": {"typ": "at+jwt"}}, id="no-kid"),
        pytest.param({"header": {"typ": "at+jwt", "kid": "signing-2"}}, id="unknown-kid"),
    ],
)
def test_bearer_that_is_not_ours_is_refused(world: World, change: dict[str, Any]) -> None:
    world.with_client()
    control = world.authorize()(world.forged())

    with pytest.raises(Unauthenticated):
        world.authorize()(world.forged(**change))

    assert control.client_id == "ci"


@pytest.mark.parametrize("bearer", ["", "x", "a.b.c", "a.b.c.d.e"])
def test_bearer_that_is_no_token_is_refused(world: World, bearer: str) -> None:
    with pytest.raises(Unauthenticated):
        world.authorize()(bearer)


def test_bearer_signed_by_another_key_of_our_kid_is_refused(world: World) -> None:
    world.with_client()
    other = World(secrets=MemorySecrets())

    with pytest.raises(Unauthenticated):
        world.authorize()(other.forged())


def test_revoked_client_is_refused_within_a_second(world: World) -> None:
    world.with_client()
    authorize, bearer = world.authorize(), world.issue().access_token
    authorize(bearer)
    world.clients.revoke("ci", NOW)

    world.clock.advance(1)

    with pytest.raises(Unauthenticated):
        authorize(bearer)


def test_client_is_looked_up_once_a_second_and_no_more(world: World) -> None:
    world.with_client()
    authorize, bearer = world.authorize(), world.issue().access_token
    authorize(bearer)
    world.clients.rows.clear()

    world.clock.advance(0.9)

    assert authorize(bearer).client_id == "ci"


def test_bearer_that_expires_within_the_second_is_refused_all_the_same(world: World) -> None:
    world.with_client()
    authorize, bearer = world.authorize(), world.forged(exp=NOW.timestamp() + 0.5)
    authorize(bearer)

    world.clock.advance(0.5)

    with pytest.raises(Unauthenticated):
        authorize(bearer)


def test_bearer_is_recalled_only_as_the_text_that_was_judged(world: World) -> None:
    world.with_client()
    authorize, bearer = world.authorize(), world.issue().access_token
    before = authorize.recall(bearer)

    caller = authorize(bearer)

    assert (before, authorize.recall(bearer), authorize.recall(f"{bearer[:-1]}\ud800")) == (None, caller, None)


def test_scope_taken_from_a_client_is_gone_from_its_tokens(world: World) -> None:
    world.with_client()
    bearer = world.issue().access_token
    world.with_client(scopes=frozenset({"stats:read"}))

    caller = world.authorize()(bearer)

    assert caller.scopes == {Scope.STATS_READ}


def test_installation_secrets_are_made_once(world: World) -> None:
    before = dict(world.secrets.rows)

    EnsureSecrets(world.secrets, world.clock)()

    assert world.secrets.rows == before
    assert sorted(before) == [("digest", "1"), ("signing", "signing-1")]


def test_installation_secrets_of_two_that_start_together_are_the_first_one_s(world: World) -> None:
    looks: list[str] = []

    class Late(MemorySecrets):
        def load(self, name: str) -> Any:  # at first it looks before the other wrote
            looks.append(name)
            return [] if looks.count(name) == 1 else super().load(name)

    before = dict(world.secrets.rows)

    EnsureSecrets(Late(world.secrets.rows), world.clock)()

    assert world.secrets.rows == before


@pytest.mark.parametrize(
    ("days", "minutes", "signing", "published"),
    [
        pytest.param(0, 0, "signing-1", ["signing-1"], id="first"),
        pytest.param(29, 1439, "signing-1", ["signing-1"], id="not-old-enough"),
        pytest.param(30, 0, "signing-1", ["signing-2", "signing-1"], id="announced"),
        pytest.param(30, 9, "signing-1", ["signing-2", "signing-1"], id="still-announced"),
        pytest.param(30, 10, "signing-2", ["signing-2", "signing-1"], id="taken-over"),
        pytest.param(30, 129, "signing-2", ["signing-2", "signing-1"], id="still-honoured"),
        pytest.param(30, 130, "signing-2", ["signing-2"], id="gone"),
    ],
)
def test_signing_keys_follow_each_other_by_their_age(
    world: World, days: int, minutes: int, signing: str, published: list[str]
) -> None:
    world.clock.at = NOW + timedelta(days=min(days, 30))
    keys = world.keys
    keys.load()
    world.clock.at = NOW + timedelta(days=days, minutes=minutes)

    assert keys.current().kid == signing
    assert [key.kid for key in keys.load()] == published


def test_signing_key_that_was_followed_still_lets_in_whom_it_signed_for(world: World) -> None:
    world.with_client()
    world.clock.at = NOW + timedelta(days=30)
    authorize, old = world.authorize(), world.issue().access_token
    world.clock.advance(11 * 60)
    new = world.issue().access_token

    callers = [authorize(old), authorize(new)]

    assert [decoded(token.split(".")[0])["kid"] for token in (old, new)] == ["signing-1", "signing-2"]
    assert callers[0] == callers[1]


def test_signing_key_that_several_processes_renew_together_is_made_once(world: World) -> None:
    processes = [world.keys for _ in range(3)]
    world.clock.at = NOW + timedelta(days=31)

    loaded = [[key.public for key in keys.load()] for keys in processes]

    assert [public["kid"] for public in loaded[0]] == ["signing-2", "signing-1"]
    assert loaded == [loaded[0]] * 3


def test_signing_key_that_another_process_uses_already_is_found_within_a_second(world: World) -> None:
    world.with_client()
    authorize = world.authorize()
    authorize(world.issue().access_token)
    private, _ = generate_key("ES256", "signing-2")
    first = world.secrets.rows["signing", "signing-1"]
    world.clock.advance(1)
    world.secrets.add(replace(first, kid="signing-2", value=json.dumps(private).encode(), created_at=world.clock.now()))

    caller = authorize(world.issue().access_token)

    assert caller.client_id == "ci"


def test_signing_key_that_is_retired_verifies_nothing(world: World) -> None:
    world.with_client()
    bearer = world.issue().access_token
    first = world.secrets.rows["signing", "signing-1"]
    world.secrets.rows["signing", "signing-1"] = replace(first, retired_at=NOW)

    with pytest.raises(Unauthenticated):
        world.authorize()(bearer)


def test_signing_without_a_key_fails_on_our_side(world: World) -> None:
    world.with_client()
    world.secrets.rows.clear()

    with pytest.raises(InsideError):
        world.issue()


def test_signing_keys_show_their_public_half_alone(world: World) -> None:
    public = world.keys.current().public

    assert set(public) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
