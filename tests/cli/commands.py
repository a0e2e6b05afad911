"""Runs commands as a person at a shell would, on a data folder of their own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from app.cli import main


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands with one data folder, and what else `environment` says."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def at(cls, folder: Path, **environment: str) -> "Commands":
        """Return commands whose settings are `environment` and a data folder."""
        named = {"DATA_DIR": str(folder), **environment}
        return cls(folder, {f"VESTIBULE_{name}": value for name, value in named.items()})

    def run(self, *arguments: str, input_: object = None) -> Result:
        """Run a command to its end."""
        sent = None if input_ is None else json.dumps(input_)
        return CliRunner(env=self.environment).invoke(main, arguments, input=sent)

    def json(self, *arguments: str, input_: object = None) -> Any:
        """Return what a command that succeeds answers with `--json`."""
        result = self.run(*arguments, "--json", input_=input_)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)
