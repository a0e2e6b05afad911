import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.data_folder import LOCK_FILE, is_locked, locked
from app.cli.local_ports import choose_port, is_loopback
from app.cli.up_plan import child_environment, choose_addresses, demo_program, load_programs
from app.errors import ConfigurationError
from app.settings import load_settings


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        pytest.param("127.0.0.1", True, id="ipv4"),
        pytest.param("127.9.9.9", True, id="ipv4-of-the-block"),
        pytest.param("::1", True, id="ipv6"),
        pytest.param("localhost", True, id="name"),
        pytest.param("0.0.0.0", False, id="every-address"),
        pytest.param("::", False, id="every-ipv6-address"),
        pytest.param("192.168.1.4", False, id="private"),
        pytest.param("example.com", False, id="another-name"),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


@pytest.mark.parametrize("name", [pytest.param("HOST", id="public"), pytest.param("ADMIN_HOST", id="management")])
def test_addresses_that_others_could_reach_are_refused_by_name(name: str) -> None:
    settings = load_settings({f"VESTIBULE_{name}": "0.0.0.0"})

    with pytest.raises(ConfigurationError, match=f"VESTIBULE_{name}: 0.0.0.0 is not loopback"):
        choose_addresses(settings)


def test_addresses_with_a_taken_port_use_another_one_and_say_so(taken_port: int) -> None:
    settings = load_settings({"VESTIBULE_PORT": str(taken_port), "VESTIBULE_ADMIN_PORT": "0"})

    addresses = choose_addresses(settings)

    assert addresses.port != taken_port
    assert f"port {taken_port} is taken; using {addresses.port}" in addresses.remarks


def test_port_that_is_promised_to_another_process_is_not_chosen_twice() -> None:
    first = choose_port("127.0.0.1", 21_500, ())

    second = choose_port("127.0.0.1", first, {first})

    assert second > first


def test_environment_of_the_processes_holds_what_was_chosen_and_keeps_what_was_set(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "PORT": "1",
        "VESTIBULE_DATA_DIR": str(tmp_path),
        "VESTIBULE_LOG_FORMAT": "console",
        "VESTIBULE_PRIVATE_URL_CIDRS": "10.0.0.0/8",
        "VESTIBULE_PORT": "0",
        "VESTIBULE_ADMIN_PORT": "0",
    }
    settings = load_settings(environ)
    addresses = choose_addresses(settings)

    environment = child_environment(settings, addresses, environ)

    children = load_settings(environment)
    assert (children.port, children.admin_port) == (addresses.port, addresses.admin_port)
    assert children.log_format == "console"
    assert list(map(str, children.private_url_cidrs)) == ["10.0.0.0/8", "127.0.0.0/8", "::1/128"]
    assert children.data_dir == tmp_path
    assert "PORT" not in environment
    assert environment["PATH"].endswith(f"{os.pathsep}/bin")


@pytest.mark.parametrize(
    ("cores", "told", "processes"),
    [
        pytest.param(1, {}, 1, id="one-core"),
        pytest.param(8, {}, 4, id="eight-cores"),
        pytest.param(8, {"VESTIBULE_VERIFY_PROCESSES": "0"}, 0, id="told"),
    ],
)
def test_up_verifies_on_half_of_the_cores_unless_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, told: dict[str, str], processes: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    environ = {"VESTIBULE_DATA_DIR": str(tmp_path), **told}
    settings = load_settings(environ)

    environment = child_environment(settings, choose_addresses(settings), environ)

    assert load_settings(environment).verify_processes == processes


def test_programs_are_those_of_the_procfile() -> None:
    programs = load_programs()

    assert list(programs) == ["release", "web", "verify", "fetch", "upkeep", "beat"]
    assert programs["release"].command == "vestibule migrate"


def test_demo_program_quotes_what_a_shell_would_split(tmp_path: Path) -> None:
    settings = load_settings({"VESTIBULE_DATA_DIR": str(tmp_path / "a folder")})

    program = demo_program(settings, choose_addresses(settings))

    assert f"'{tmp_path / 'a folder'}'" in program.command


def test_data_folder_that_is_locked_refuses_another_run_by_name(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ConfigurationError) as refusal, locked(tmp_path):
        pass

    assert f"already running on {tmp_path} (process {os.getpid()})" in str(refusal.value)


def test_data_folder_that_cannot_be_written_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).mkdir()  # refused to root too, whom no mode keeps out

    with pytest.raises(ConfigurationError) as refusal, locked(tmp_path):
        pass

    assert str(refusal.value) == f"VESTIBULE_DATA_DIR: {tmp_path} cannot be written"


def test_what_fails_while_the_data_folder_is_held_is_raised_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path):
        raise FileNotFoundError


def test_data_folder_that_is_only_looked_at_is_locked_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(tmp_path):
        assert is_locked(tmp_path)
    looking = (tmp_path / LOCK_FILE).open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(time, "sleep", lambda seconds: looking.close() if seconds else None)

    with locked(tmp_path):
        assert looking.closed
    assert not is_locked(tmp_path)


def test_data_folder_is_free_again_after_the_run(tmp_path: Path) -> None:
    with locked(tmp_path):
        pass

    with locked(tmp_path):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())
