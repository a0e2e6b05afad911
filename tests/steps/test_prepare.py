"""After a migration: the first management client, as the settings name it."""

from dataclasses import replace

import pytest

from app.steps.client_secrets import ClientSecrets
from app.steps.prepare import AdminClient, PrepareInstallation
from app.steps.secrets import EnsureSecrets
from tests.builders import NOW
from tests.fakes import FixedClock, MemoryAudit, MemoryClients, MemorySecrets

SECRET = "an-admin-secret-1234"


@pytest.fixture
def prepare() -> PrepareInstallation:
    clock = FixedClock()
    ensure = EnsureSecrets(MemorySecrets(), clock)
    return PrepareInstallation(ensure, MemoryClients(), MemoryAudit(), clock, "admin", SECRET)


def test_admin_client_is_made_once_with_every_scope(prepare: PrepareInstallation) -> None:
    outcomes = [prepare(), prepare()]

    made = prepare.clients.find("admin")
    assert outcomes == [AdminClient.CREATED, AdminClient.UNCHANGED]
    assert made is not None
    assert (made.scopes, made.partner_id) == (frozenset(), None)
    assert ClientSecrets().matches(SECRET, made.secret_hash, NOW)


def test_admin_client_with_another_secret_in_the_settings_has_that_one(prepare: PrepareInstallation) -> None:
    prepare()

    outcome = replace(prepare, admin_secret="another-admin-secret")()

    changed = prepare.clients.find("admin")
    assert outcome is AdminClient.SECRET_CHANGED
    assert changed is not None
    assert ClientSecrets().matches("another-admin-secret", changed.secret_hash, NOW)


def test_admin_client_that_was_revoked_stays_revoked(prepare: PrepareInstallation) -> None:
    prepare()
    prepare.clients.revoke("admin", NOW)

    outcome = prepare()

    revoked = prepare.clients.find("admin")
    assert outcome is AdminClient.REVOKED
    assert revoked is not None
    assert revoked.revoked_at == NOW


def test_admin_client_that_is_not_named_is_not_made(prepare: PrepareInstallation) -> None:
    outcome = replace(prepare, admin_id="", admin_secret="")()

    assert outcome is AdminClient.NOT_NAMED
    assert prepare.clients.load_all() == []
