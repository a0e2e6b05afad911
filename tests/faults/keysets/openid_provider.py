"""A real OpenID provider (npm `oidc-provider`) of the tests' own, that rotates its keys as an operator does.

Knows npm, node and the provider's endpoints; refuses to know who trusts its tokens.
"""

import base64
import json
import os
import signal
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey

from tests.journey.calls import call
from tests.journey.deadline import eventually
from tests.servers.process import OwnProcess, ServerMissing, find_program, free_port

_SCRIPT = Path(__file__).with_suffix(".mjs")
_SWITCHES = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--silent")
_INSTALLED_WITHIN_SECONDS = 90


@dataclass(slots=True)
class OpenIdProvider:
    """A running provider with one client, whose access tokens are JWTs for one campaign."""

    PACKAGE: ClassVar[str] = "oidc-provider@9.13.3"
    CAMPAIGN: ClassVar[str] = "campaign-of-the-provider"

    port: int
    _folder: Path
    _secret: str
    _process: OwnProcess

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Install the provider into the folder and serve, with one key; raise ServerMissing and ServerFailed."""
        node, npm = find_program("node"), find_program("npm")
        folder.mkdir(parents=True, exist_ok=True)
        _install(npm, folder)
        keys = folder / "keys.json"
        keys.write_text(_private_keys(["first"], {}))
        port, secret = free_port(), uuid.uuid4().hex
        module = (folder / "node_modules" / "oidc-provider" / "lib" / "index.js").as_uri()
        command: list[str | Path] = [node, _SCRIPT, module, keys, str(port), cls.CAMPAIGN, secret]
        provider = cls(port, folder, secret, OwnProcess.start(command, folder, {"NODE_NO_WARNINGS": "1"}))
        provider._process.wait_until(lambda: provider.published() == ["first"])
        return provider

    @property
    def jwks_url(self) -> str:
        """Return where the keys are."""
        return f"http://127.0.0.1:{self.port}/jwks"

    def published(self) -> list[str]:
        """Return the kids of the published keys; none while nobody answers."""
        try:
            return [key["kid"] for key in call("GET", self.jwks_url).json()["keys"]]
        except ConnectionError:
            return []

    def rotate(self, *kids: str) -> None:
        """Sign with the first of those keys from now on, and publish all; those that it has stay as they are."""
        keys = self._folder / "keys.json"
        known = {key["kid"]: key for key in json.loads(keys.read_text())["keys"]}
        keys.write_text(_private_keys(kids, known))
        os.kill(self._process.pid, signal.SIGHUP)
        eventually(lambda: self.published() == list(kids), 10, f"{kids} published")

    def token(self) -> str:
        """Obtain an access token by client credentials (RFC 6749 section 4.4)."""
        basic = base64.b64encode(f"brand:{self._secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = call("POST", f"http://127.0.0.1:{self.port}/token", headers, b"grant_type=client_credentials")
        assert answer.status == 200, str(answer)
        return str(answer.json()["access_token"])

    def stop(self) -> None:
        """End it."""
        self._process.end()


def _install(npm: Path, folder: Path) -> None:
    command: list[str | Path] = [npm, "install", *_SWITCHES, "--prefix", folder, OpenIdProvider.PACKAGE]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_INSTALLED_WITHIN_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise ServerMissing("oidc-provider") from None


def _private_keys(kids: Sequence[str], known: dict[str, Any]) -> str:
    return json.dumps({"keys": [known.get(kid) or _private_key(kid) for kid in kids]})


def _private_key(kid: str) -> dict[str, Any]:
    members = RSAKey.import_key(rsa.generate_private_key(65537, 2048)).as_dict(private=True)
    return {**members, "kid": kid, "use": "sig", "alg": "RS256"}
