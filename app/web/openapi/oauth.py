"""The operations of the Authorization API: an access token is issued, the keys of access tokens are published."""

from typing import Final, Literal

from pydantic import Field

from app import errors
from app.domain.scopes import Scope
from app.steps.authorize import Grant, GrantError
from app.web.openapi import parameters
from app.web.openapi.operation import (
    Answer,
    Content,
    Header,
    JsonSchema,
    Operation,
    Security,
    Tag,
    json_answer,
    json_content,
)
from app.web.openapi.shapes import Jwk, Shape

FORM: Final = "application/x-www-form-urlencoded"
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - an address


class AccessTokenShape(Shape):
    """An access token (RFC 6749 section 5.1): a JWT (RFC 9068)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(ge=1, description="Seconds.")
    scope: str = Field(description="What it allows, separated by spaces.")


class GrantRefusalShape(Shape):
    """Why no access token was issued (RFC 6749 section 5.2)."""

    error: GrantError
    error_description: str


class MetadataShape(Shape):
    """What OAuth clients may find out by themselves (RFC 8414 section 2)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[Scope]
    grant_types_supported: list[Grant]
    token_endpoint_auth_methods_supported: list[str]
    response_types_supported: list[str] = Field(description="Empty: there is no authorization endpoint.")
    service_documentation: str


class JwkSetShape(Shape):
    """A JWK Set (RFC 7517 section 5)."""

    keys: list[Jwk]


_SCOPE: Final[JsonSchema] = {
    "type": "string",
    "description": "Scopes, separated by spaces; without it all that may be.",
}
_GRANTS: Final[JsonSchema] = {
    "oneOf": [
        {
            "title": "Client credentials (RFC 6749 section 4.4)",
            "type": "object",
            "required": ["grant_type"],
            "properties": {
                "grant_type": {"const": "client_credentials"},
                "client_id": {"type": "string", "description": "Unless the client authenticates by Basic."},
                "client_secret": {"type": "string", "description": "Likewise."},
                "scope": _SCOPE,
            },
        },
        {
            "title": "A partner's signed token as an assertion (RFC 7523)",
            "type": "object",
            "required": ["grant_type", "client_id", "assertion"],
            "properties": {
                "grant_type": {"const": "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                "client_id": {"type": "string", "description": "The partner's id."},
                "assertion": {"type": "string", "description": "The signed token, a compact JWS."},
                "scope": _SCOPE,
            },
        },
    ]
}
_EXAMPLES: Final = {
    "client": {
        "grant_type": "client_credentials",
        "client_id": "admin",
        "client_secret": "a-client-secret-of-some-length",
        "scope": Scope.PARTNERS_READ.value,
    },
    "partner": {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": parameters.PARTNER,
        "assertion": parameters.JWS,
    },
}
_ISSUED: Final = {
    "access_token": parameters.JWS,
    "token_type": "Bearer",
    "expires_in": 3600,
    "scope": "partners:read",
}
_NOT_STORED: Final = {"Cache-Control": Header("Never stored.", parameters.text("no-store"))}
JWK_SET_EXAMPLE: Final = {
    "keys": [{"kid": "2027-03-01-5f3a", "use": "sig", "alg": "ES256", "kty": "EC", "crv": "P-256", "x": "…", "y": "…"}]
}


def _refusal(status: int, description: str, error: GrantError, headers: dict[str, Header]) -> Answer:
    example = {"error": error.value, "error_description": "A sentence for a person."}
    return Answer(status, description, json_content(GrantRefusalShape, example), {**_NOT_STORED, **headers})


ISSUE_TOKEN: Final = Operation(
    method="POST",
    path=TOKEN_PATH,
    id="issueAccessToken",
    tag=Tag.AUTHORIZATION,
    summary="Get an access token",
    description=(
        "Client credentials, by Basic or in the body; or a signed token of the partner itself, for the scope "
        "`crypto:encrypt` alone. Refusals are those of RFC 6749 section 5.2, not problem details."
    ),
    security=Security.CLIENT,
    body={FORM: Content(_GRANTS, _EXAMPLES)},
    answers=(
        json_answer(200, "An access token.", AccessTokenShape, _ISSUED, _NOT_STORED),
        _refusal(400, "The request or the grant is refused.", GrantError.INVALID_GRANT, {}),
        _refusal(
            401,
            "The client did not authenticate.",
            GrantError.INVALID_CLIENT,
            {"WWW-Authenticate": parameters.CHALLENGE},
        ),
    ),
    errors=(errors.RateLimited,),
)

PUBLISH_KEYS: Final = Operation(
    method="GET",
    path="/.well-known/jwks.json",
    id="publishKeys",
    tag=Tag.AUTHORIZATION,
    summary="The keys of our access tokens",
    description="Public. A new key stands here for ten minutes before it signs.",
    answers=(json_answer(200, "A JWK Set.", JwkSetShape, JWK_SET_EXAMPLE, {"Cache-Control": parameters.KEPT}),),
)

SHOW_METADATA: Final = Operation(
    method="GET",
    path="/.well-known/oauth-authorization-server",
    id="showAuthorizationServer",
    tag=Tag.AUTHORIZATION,
    summary="What the Authorization API offers",
    description="Public. For OAuth clients that configure themselves (RFC 8414).",
    asks_store=False,
    answers=(
        json_answer(
            200,
            "The metadata.",
            MetadataShape,
            {
                "issuer": "https://vestibule.example",
                "token_endpoint": f"https://vestibule.example{TOKEN_PATH}",
                "jwks_uri": "https://vestibule.example/.well-known/jwks.json",
                "scopes_supported": [scope.value for scope in Scope],
                "grant_types_supported": [grant.value for grant in Grant],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
                "response_types_supported": [],
                "service_documentation": "https://vestibule.example/docs",
            },
            {"Cache-Control": parameters.KEPT},
        ),
    ),
)
