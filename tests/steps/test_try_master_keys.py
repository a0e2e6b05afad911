"""Master keys are tried on the installation's secrets: until there are any, and until they opened them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.errors import MasterKeyMissing
from app.management_ports import InstallationSecret
from app.steps.secrets import DIGEST, EnsureSecrets, TryMasterKeys
from tests.fakes import FixedClock, MemorySecrets


@dataclass
class _SealedSecrets(MemorySecrets):
    has_the_key: bool = True
    loaded: list[str] = field(default_factory=list)

    def load(self, name: str) -> Sequence[InstallationSecret]:
        self.loaded.append(name)
        if not self.has_the_key:
            raise MasterKeyMissing
        return super().load(name)


def test_master_keys_that_opened_the_secrets_are_not_tried_again() -> None:
    secrets = _SealedSecrets()
    EnsureSecrets(secrets, FixedClock())()
    try_master_keys = TryMasterKeys(secrets)
    first = try_master_keys()
    secrets.loaded.clear()

    again = try_master_keys()

    assert (first, again) == (2, 2)
    assert secrets.loaded == []


def test_master_keys_are_tried_again_until_there_is_something_to_open() -> None:
    secrets = _SealedSecrets()
    try_master_keys = TryMasterKeys(secrets)

    assert try_master_keys() == 0
    EnsureSecrets(secrets, FixedClock())()
    assert try_master_keys() == 2


def test_master_keys_that_open_nothing_are_tried_again() -> None:
    secrets = _SealedSecrets(has_the_key=False)
    try_master_keys = TryMasterKeys(secrets)

    for _ in range(2):
        with pytest.raises(MasterKeyMissing):
            try_master_keys()

    assert secrets.loaded == [DIGEST, DIGEST]
