"""The one table of a peer, its database, and its partner's key: from the environment, as such services take them."""

import os
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import Column, DateTime, MetaData, String, Table
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = MetaData()
SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("id", String, primary_key=True),
    Column("campaign_id", String, nullable=False),
    Column("participant", String, nullable=False),
    Column("form", JSONB, nullable=False),
    Column("optin", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
REQUIRED_CLAIMS: Final = ["sub", "exp", "campaignId"]


def database_url(driver: str) -> str:
    """Return the URL of the database for one of SQLAlchemy's drivers."""
    return os.environ["PEER_DATABASE_URL"].replace("postgresql://", f"postgresql+{driver}://")


def public_key() -> RSAPublicKey:
    """Return the partner's key, parsed once."""
    key = load_pem_public_key(os.environ["PEER_PUBLIC_KEY"].encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("the partner signs with RSA")
    return key
