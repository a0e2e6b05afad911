"""The Procfile and compose.yaml start the same processes by the same command lines."""

import re
import shlex
import subprocess
from pathlib import Path

import yaml
from celery.bin.celery import celery

from tests.architecture.sources import ROOT

BACKENDS = {"postgres", "redis"}
PROCESSES = ["release", "web", "verify", "fetch", "upkeep", "beat"]


def _procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines)}


def test_procfile_names_the_processes_of_the_architecture() -> None:
    assert list(_procfile()) == PROCESSES


def test_procfile_workers_share_out_every_queue_once() -> None:
    words = [shlex.split(command) for command in _procfile().values() if " worker " in command]

    queues = [queue for line in words for queue in line[line.index("-Q") + 1].split(",")]

    assert sorted(queues) == ["fetch", "refresh", "upkeep", "verify"]


def test_procfile_workers_say_only_what_celery_understands() -> None:
    for command in _procfile().values():
        program, *words = shlex.split(command)
        if program != "celery":
            continue
        name = "worker" if "worker" in words else "beat"

        options = words[words.index(name) + 1 :]

        known = {spelling for option in celery.commands[name].params for spelling in option.opts}
        assert {word for word in options if word.startswith("-")} <= known


def test_compose_starts_the_backends_and_the_processes_of_the_procfile() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]

    commands = {name: service["command"] for name, service in services.items() if name not in BACKENDS}

    assert services.keys() >= BACKENDS
    assert commands == _procfile()


def test_compose_process_waits_for_the_migrations() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]

    waiting = {name for name, service in services.items() if "release" in service.get("depends_on", {})}

    assert waiting == set(PROCESSES) - {"release"}


def test_compose_key_that_its_first_lines_make_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    make, _ = re.findall(r"^#   (.+)$", (ROOT / "compose.yaml").read_text(), re.MULTILINE)
    file = tmp_path / ".env"

    made = []
    for _ in range(2):
        subprocess.run(["bash", "-euc", make], cwd=tmp_path, check=True)
        made.append(file.read_text())

    assert re.fullmatch(r"VESTIBULE_MASTER_KEYS=[0-9a-f]{64}\n", made[0])
    assert made[0] == made[1]
    assert file.stat().st_mode & 0o077 == 0
