"""The participants' tokens, and the requests that bring them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from types import MappingProxyType
from typing import Final, Self

from app.jose.keys import UsableKey, import_keys
from app.jose.signing import generate_key, sign

DISTINCT: Final = 512
"""Tokens of a run; signing one costs as much as verifying thirty."""
_LIFETIME_SECONDS: Final = 7200
_FORM: Final[Mapping[str, str]] = MappingProxyType(
    {
        "firstname": "Ada",
        "lastname": "Lovelace",
        "email": "ada@example.com",
        "zip": "75011",
        "city": "Paris 11e",
        "phone": "+33 6",
    }
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A partner's RS256 key: the public half as a JWK, the private one to sign with."""

    public: Mapping[str, str]
    private: UsableKey = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """Return a new one of 2,048 bits."""
        private, public = generate_key("RS256", "bench")
        return cls(public, import_keys(private).keys[0])

    def tokens(self, campaign_id: str, *, with_form: bool = True, count: int = DISTINCT) -> list[str]:
        """Return tokens of about 700 bytes with the prefill inside, or without."""
        now = int(time())
        return [self._sign(number, campaign_id, now, with_form=with_form) for number in range(count)]

    def _sign(self, number: int, campaign_id: str, now: int, *, with_form: bool) -> str:
        claims: dict[str, object] = {
            "sub": f"user-{number}",
            "campaignId": campaign_id,
            "iat": now,
            "exp": now + _LIFETIME_SECONDS,
        }
        if with_form:
            claims |= {"form": dict(_FORM), "optin": {"newsletter": True}}
        payload = json.dumps(claims, separators=(",", ":")).encode()
        return sign(payload, self.private, "RS256", {"kid": "bench", "typ": "JWT"})


def post_requests(tokens: Sequence[str], campaign_id: str) -> list[str]:
    """Return the HTTP requests that bring `tokens` to a campaign."""
    head = f"POST /v1/campaigns/{campaign_id}/sessions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    bodies = [json.dumps({"token": token}, separators=(",", ":")) for token in tokens]
    return [f"{head}Content-Length: {len(body)}\r\n\r\n{body}" for body in bodies]
