"""Why something cannot be done to a partner's key set: a branch of the tree in `app.errors`."""

from app.errors import RequestError


class KeysetNotUsed(RequestError):
    """The partner's signatures are not verified with published keys."""

    code = "keyset_not_used"


class KeysetShared(RequestError):
    """Other partners rely on the same key set, so that a client of one of them may not revoke its keys."""

    code = "keyset_shared"
