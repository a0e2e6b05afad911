"""The integrator's guide: its walk leads where it says, and its Python, Node and shell samples make good tokens."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.sources import ROOT
from tests.docs.running import bash, environment, named_blocks, own_folder, settled
from tests.interop.node_libraries import find_node, install_packages
from tests.journey.calls import call
from tests.servers.leaving_out import running
from tests.servers.process import OwnProcess, free_port

GUIDE = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
BLOCKS = named_blocks(GUIDE)
PYTHON = [name for name in BLOCKS if name.endswith(".py")]
NODE = [name for name in BLOCKS if name.endswith(".mjs")]


@dataclass(frozen=True, slots=True)
class Walk:
    """A running service, and the folder in which somebody does what the guide says."""

    folder: Path
    port: int
    environ: dict[str, str]

    def code(self, name: str) -> str:
        """Return a block of the guide, speaking to this service."""
        own = f"http://127.0.0.1:{self.port}"
        return BLOCKS[name].replace("http://127.0.0.1:8080", own).replace("https://vestibule.example", own)

    def write(self, name: str) -> Path:
        """Save a block under its name."""
        path = self.folder / name
        path.write_text(self.code(name))
        return path

    def run(self, name: str) -> str:
        """Return what a shell block prints."""
        return bash(self.code(name), self.folder, self.environ).stdout

    def encrypt_by(self, block: str | None) -> None:
        """Store the partner with that member `encryption` of the guide."""
        document = json.loads((self.folder / "partner.json").read_text())
        secret = (self.folder / "secret.hex").read_text().strip()
        encryption = None if block is None else json.loads(BLOCKS[block].replace("…", secret))
        document["encryption"] = None if encryption is None else {**encryption, "required": True}
        (self.folder / "encrypting.json").write_text(json.dumps(document))
        bash(".venv/bin/vestibule partner put acme encrypting.json", self.folder, self.environ)

    def bring(self, token: str) -> dict[str, Any]:
        """Return the settled session of a token."""
        base = f"http://127.0.0.1:{self.port}"
        content = {"Content-Type": "application/jwt"}
        return settled(base, call("POST", f"{base}/v1/campaigns/spring/sessions", content, token.encode()).json())


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Start the service and do what the guide's first section says, up to the first token."""
    folder, port = own_folder(tmp_path_factory.mktemp("walk")), free_port()
    (folder / "partner").symlink_to(ROOT / ".venv")  # what install.sh makes
    walk = Walk(folder, port, environment(folder, port))
    service = OwnProcess.start([folder / ".venv" / "bin" / "vestibule", "up"], folder, walk.environ)
    try:
        service.wait_until(lambda: "Ctrl-C stops everything" in service.log.read_text())
        for name in ("keys.sh", "configure.sh"):
            walk.run(name)
        bash(_secret_command(), folder, walk.environ)
        yield walk
    finally:
        service.end()


@pytest.fixture(scope="module")
def node(walk: Walk, servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[Path]:
    """Give Node.js, with the packages that the samples import beside them."""

    def start(folder: Path) -> "_Node":
        found = find_node()
        install_packages(folder)
        return _Node(found)

    with running(start, servers_folder / "samples", pytestconfig.stash) as installed:
        (walk.folder / "node_modules").symlink_to(servers_folder / "samples" / "node_modules")
        yield installed.program


@dataclass(frozen=True, slots=True)
class _Node:
    program: Path

    def stop(self) -> None:
        """End nothing: each sample is a process of its own."""


def test_guide_has_samples_for_every_library_and_method() -> None:
    assert PYTHON == ["mint.py", "nest_secret.py", "nest_key_pair.py"]
    assert NODE == ["mint.mjs", "nest_secret.mjs", "nest_key_pair.mjs"]
    assert all(f"### {language}\n" in GUIDE for language in ("Python", "Node", "PHP", "Java"))


def test_guide_installs_what_its_samples_are_tested_with() -> None:
    names = re.findall(r"pip install --quiet (.+)", BLOCKS["install.sh"])[0].replace('"', "").split()

    assert all(version(name.partition("[")[0]) for name in names)
    assert names == ["pyjwt[crypto]", "joserfc"]


@pytest.mark.journey
def test_guide_leads_from_nothing_to_a_verified_token_of_ones_own(walk: Walk) -> None:
    walk.encrypt_by(None)
    walk.write("mint.py")

    session = json.loads(walk.run("visit.sh"))
    inspected = walk.run("inspect.sh")

    assert session["token"] == {"status": "accepted", "reason": None, "encrypted": False}
    assert session["prefill"]["form"] == {"firstname": "Ada"}
    assert "accepted" in inspected


@pytest.mark.journey
@pytest.mark.parametrize(
    ("sample", "encryption"),
    [
        pytest.param("mint.py", None, id="PyJWT"),
        pytest.param("nest_secret.py", "encryption_secret.json", id="joserfc-shared-secret"),
        pytest.param("nest_key_pair.py", "encryption_key_pair.json", id="joserfc-key-pair"),
    ],
)
def test_python_sample_makes_a_token_that_fills_the_form(walk: Walk, sample: str, encryption: str | None) -> None:
    walk.encrypt_by(encryption)
    path = walk.write(sample)

    token = bash(f"partner/bin/python {path.name}", walk.folder, walk.environ).stdout.strip()

    assert_fills_the_form(walk.bring(token), is_encrypted=encryption is not None)


@pytest.mark.journey
@pytest.mark.parametrize(
    ("sample", "encryption"),
    [
        pytest.param("mint.mjs", None, id="jsonwebtoken"),
        pytest.param("nest_secret.mjs", "encryption_secret.json", id="jose-shared-secret"),
        pytest.param("nest_key_pair.mjs", "encryption_key_pair.json", id="jose-key-pair"),
    ],
)
def test_node_sample_makes_a_token_that_fills_the_form(
    walk: Walk, node: Path, sample: str, encryption: str | None
) -> None:
    walk.encrypt_by(encryption)
    path = walk.write(sample)

    token = bash(f"{node} {path.name}", walk.folder, walk.environ).stdout.strip()

    assert_fills_the_form(walk.bring(token), is_encrypted=encryption is not None)


@pytest.mark.journey
def test_crypto_api_sample_makes_a_token_that_fills_the_form(walk: Walk) -> None:
    walk.encrypt_by("encryption_crypto_api.json")
    walk.write("mint.py")

    token = walk.run("crypto_api.sh").strip()

    assert token.count(".") == 4
    assert_fills_the_form(walk.bring(token), is_encrypted=True)


def assert_fills_the_form(session: dict[str, Any], *, is_encrypted: bool) -> None:
    assert session["token"] == {"status": "accepted", "reason": None, "encrypted": is_encrypted}
    assert session["prefill"]["form"] == {"firstname": "Ada"}


def _secret_command() -> str:
    (command,) = re.findall(r"`(openssl rand[^`]*)`", GUIDE)
    return str(command)
