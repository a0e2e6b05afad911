"""What operators see of a revocation."""

from app.domain.session import rfc3339
from app.keyset_ports import AcceptedSession
from app.steps.revoke_key import Revocation


def revocation_view(revocation: Revocation) -> dict[str, object]:
    """Return what a revocation came to; without a search it does not say what the key had accepted."""
    is_searched = revocation.dry_run or revocation.void
    versions = [
        {"thumbprint": thumbprint, "version": version, "sessions": count}
        for (thumbprint, version), count in sorted(revocation.accepted.items())
    ]
    return {
        "kid": revocation.kid,
        "thumbprints": sorted(revocation.thumbprints),
        "revoked": not revocation.dry_run,
        "accepted": sum(revocation.accepted.values()) if is_searched else None,
        "by_version": versions,
        "sessions": [_session(session) for session in revocation.sessions],
        "voided": revocation.voided,
        "left": revocation.left,
    }


def _session(session: AcceptedSession) -> dict[str, object]:
    return {
        "session_id": session.id,
        "campaign_id": session.campaign_id,
        "thumbprint": session.thumbprint,
        "version": session.keyset_version,
        "verified_at": None if session.verified_at is None else rfc3339(session.verified_at),
    }
