"""Where the master keys come from: the settings, or a file of the data folder on the embedded default."""

import base64
import secrets
from pathlib import Path
from typing import Final, Protocol

from app.adapters.private_file import load_or_create
from app.domain.master_keys import MASTER_KEY_BYTES, parse_master_keys
from app.errors import ConfigurationError

MASTER_KEY_FILE: Final = "master.key"
_SETTING: Final = "VESTIBULE_MASTER_KEYS"


class SecretText(Protocol):
    """A text that does not show itself."""

    def get_secret_value(self) -> str:
        """Return the text."""
        ...


class MasterKeySettings(Protocol):
    """The settings that say where the master keys come from."""

    @property
    def master_keys(self) -> SecretText:
        """The keys themselves, or an empty text."""
        ...

    @property
    def data_dir(self) -> Path:
        """The data folder of the embedded default."""
        ...

    @property
    def is_embedded_database(self) -> bool:
        """Whether the database lies in the data folder too."""
        ...


def load_master_keys(settings: MasterKeySettings) -> tuple[bytes, ...]:
    """Return the master keys, 32 bytes each, the first of which writes.

    Where the settings hold none and the database is the embedded one, the key is `master.key` in the data folder,
    created with mode 0600 on first use. Raise ConfigurationError if there is none, or if one is malformed.
    """
    configured = settings.master_keys.get_secret_value()
    if configured:
        return parse_master_keys(configured, _SETTING)
    if not settings.is_embedded_database:
        raise ConfigurationError((f"{_SETTING}: required with a database of your own",))
    path = settings.data_dir / MASTER_KEY_FILE
    try:
        return parse_master_keys(load_or_create(path, _new_key).decode("ascii").strip(), str(path))
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError((f"{path}: cannot be read or created as a file of master keys",)) from None


def _new_key() -> bytes:
    return base64.urlsafe_b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).rstrip(b"=") + b"\n"
