import os
import threading
from pathlib import Path

import pytest

from app.adapters.master_keys import MASTER_KEY_FILE, load_master_keys
from app.adapters.private_file import load_or_create
from app.errors import ConfigurationError
from app.settings import Settings, load_settings

KEY = "00" * 32


def settings(data_dir: Path, **more: str) -> Settings:
    return load_settings({"VESTIBULE_DATA_DIR": str(data_dir), **more})


def test_master_keys_of_the_settings_are_taken_and_no_file_is_made(tmp_path: Path) -> None:
    keys = load_master_keys(settings(tmp_path, VESTIBULE_MASTER_KEYS=KEY))

    assert keys == (bytes(32),)
    assert list(tmp_path.iterdir()) == []


def test_master_key_of_the_embedded_database_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = load_master_keys(settings(tmp_path / "new"))

    second = load_master_keys(settings(tmp_path / "new"))

    assert first == second
    assert [len(key) for key in first] == [32]
    assert (tmp_path / "new" / MASTER_KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_master_keys_file_that_holds_something_else_is_refused_without_quoting_it(tmp_path: Path) -> None:
    (tmp_path / MASTER_KEY_FILE).write_text("canary")

    with pytest.raises(ConfigurationError) as refusal:
        load_master_keys(settings(tmp_path))

    path = tmp_path / MASTER_KEY_FILE
    assert refusal.value.problems == (f"{path}: key 1 must be 32 bytes in base64url or hex",)


def test_master_keys_file_that_is_a_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / MASTER_KEY_FILE).mkdir()

    with pytest.raises(ConfigurationError, match=MASTER_KEY_FILE):
        load_master_keys(settings(tmp_path))


def test_private_file_made_by_many_at_once_is_one_file_that_all_agree_on(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    start = threading.Barrier(8)
    seen: list[bytes] = []

    def race() -> None:
        start.wait()
        seen.append(load_or_create(path, lambda: os.urandom(32)))

    racers = [threading.Thread(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert set(seen) == {path.read_bytes()}
    assert list(tmp_path.iterdir()) == [path]
