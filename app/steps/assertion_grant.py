"""The grant for a partner's own signed token (RFC 7523): an access token for the Crypto API, and for nothing else.

The assertion is a token as the partner gives to a participant, judged as one. It is no secret of the partner, and what
it opens is no more than having valid tokens of that partner encrypted; so it may be used again until it expires.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from app.domain.scopes import Scope
from app.errors import TokenRejected
from app.ports import Clock, ConfigurationSource
from app.steps.authorize import ACCESS_TOKEN_LIFE, GrantError, GrantRefused, IssueAccessToken, IssuedToken
from app.steps.vouch import VouchForToken

_LEAST_LIFE: Final = timedelta(seconds=60)
"""Of an access token for an assertion that is about to expire, or has within the leeway."""


@dataclass(frozen=True, slots=True)
class IssueForAssertion:
    """Gives an access token for an assertion; `partners` may be a moment old."""

    partners: ConfigurationSource
    vouch: VouchForToken
    issue: IssueAccessToken
    clock: Clock

    def __call__(self, partner_id: str, assertion: str, scope: str | None) -> IssuedToken:
        """Return a token for the scope `crypto:encrypt`; raise GrantRefused."""
        partner = self.partners.load(frozenset(), frozenset({partner_id})).partners.get(partner_id)
        if partner is None:
            raise GrantRefused(GrantError.INVALID_CLIENT, "There is no partner of this client_id.")
        if scope is not None and set(scope.split()) != {Scope.CRYPTO_ENCRYPT}:
            raise GrantRefused(GrantError.INVALID_SCOPE, f"An assertion is good for {Scope.CRYPTO_ENCRYPT} alone.")
        try:
            claims = self.vouch(assertion, partner)
        except TokenRejected as rejection:
            raise GrantRefused(GrantError.INVALID_GRANT, f"The assertion was refused: {rejection}.") from None
        if claims.expires_at is None:  # RFC 7523 section 3, whatever the partner's tokens may lack otherwise
            raise GrantRefused(GrantError.INVALID_GRANT, "The assertion was refused: claim_missing: exp.")
        life = max(_LEAST_LIFE, min(ACCESS_TOKEN_LIFE, claims.expires_at - self.clock.now()))
        return self.issue.issue_to_partner(partner.id, life)
