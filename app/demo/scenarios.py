"""The ways to arrive at the demo campaign: what each token says, and how it was made. Pure; the moment comes in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, assert_never

from app.demo.documents import CAMPAIGN_ID, ISSUER, SIGNING_ALGORITHM
from app.demo.keys import SIGNING_KID, DemoKeys
from app.demo.people import ADA, DOWN, JOAN, SLOW, TOKEN_FORM, TOKEN_OPTIN
from app.jose.encryption import encrypt
from app.jose.signing import sign

LIFE: Final = timedelta(hours=1)
_HEADER: Final = {"kid": SIGNING_KID, "typ": "JWT"}


class Making(StrEnum):
    """How a token is made."""

    SIGNED = "signed"
    BY_A_STRANGER = "by_a_stranger"  # signed with a key that the partner does not publish
    ENCRYPTED = "encrypted"  # signed, then encrypted with the shared secret


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to arrive; `says` adds to the claims that every token has, `age` is how long ago it was made.

    `mendable` tells that the API fails for it until somebody mends it.
    """

    slug: str
    title: str
    expect: str
    says: Mapping[str, object] = field(default_factory=dict)
    sub: str = JOAN
    making: Making = Making.SIGNED
    age: timedelta = timedelta(0)
    mendable: bool = False


_CARRIED: Final[Mapping[str, object]] = {"form": TOKEN_FORM, "optin": TOKEN_OPTIN}

SCENARIOS: Final = (
    Scenario(
        "token-data", "Data in the token", "The token carries the participant's data: the form is filled.", _CARRIED
    ),
    Scenario("partner-data", "Data by the partner's API", "The partner is asked with the token's bearer.", sub=ADA),
    Scenario(
        "encrypted",
        "Encrypted token",
        "The same data, inside a JWE that only Vestibule opens.",
        _CARRIED,
        making=Making.ENCRYPTED,
    ),
    Scenario(
        "slow-partner",
        "Slow partner",
        "The API takes three seconds: the form is there at once, filled in later.",
        sub=SLOW,
    ),
    Scenario(
        "partner-down",
        "Partner down, then replayed",
        "The API answers with a maintenance page: the form stays empty, and usable. Then mend it, and replay.",
        sub=DOWN,
        mendable=True,
    ),
    Scenario("expired", "Expired token", "Made two hours ago, good for one: refused.", _CARRIED, age=2 * LIFE),
    Scenario("wrong-key", "Wrong key", "Signed by somebody else: refused.", _CARRIED, making=Making.BY_A_STRANGER),
    Scenario(
        "not-eligible",
        "Not eligible",
        "The partner says that this participant may not play.",
        {"limit": {"canPlay": False}},
    ),
    Scenario("limit-reached", "Limit reached", "No participation is left.", {"limit": {"nb": 0}}),
)
"""In the order in which they are shown."""


def mint(scenario: Scenario, keys: DemoKeys, now: datetime, jti: str) -> str:
    """Return a token for `scenario`, made at `now` less its age, good for an hour."""
    claims = json.dumps(_claims(scenario, keys, now, jti), separators=(",", ":")).encode()
    match scenario.making:
        case Making.SIGNED:
            return sign(claims, keys.signing, SIGNING_ALGORITHM, _HEADER)
        case Making.BY_A_STRANGER:
            return sign(claims, keys.stranger, SIGNING_ALGORITHM, _HEADER)
        case Making.ENCRYPTED:
            signed = sign(claims, keys.signing, SIGNING_ALGORITHM, _HEADER)
            return encrypt(signed, keys.encryption, "A256GCMKW", "A256GCM", None)
        case _:
            assert_never(scenario.making)


def _claims(scenario: Scenario, keys: DemoKeys, now: datetime, jti: str) -> dict[str, Any]:
    made_at = now - scenario.age
    return {
        "iss": ISSUER,
        "sub": scenario.sub,
        "campaignId": CAMPAIGN_ID,
        "iat": int(made_at.timestamp()),
        "exp": int((made_at + LIFE).timestamp()),
        "jti": jti,
        "access_token": keys.access_token(scenario.sub),
        **scenario.says,
    }


find_scenario: Callable[[str], Scenario | None] = {scenario.slug: scenario for scenario in SCENARIOS}.get
"""Return the scenario of that slug, or None."""
