"""The output of several programs: on one terminal, each line with its program's name before it; or as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import click

from app.cli.children import Say
from app.cli.output import print_nowhere

_COLOURS: Final = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_magenta")


def say_json(name: str, line: str) -> None:
    """Print `line` of the program `name` as one object on one line, for programs; blank ones are left out."""
    if line:
        click.echo(json.dumps({"program": name, "line": line}, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class PrefixedOutput:
    """Prints lines of the programs called `names`; click leaves the colours out where there is no terminal."""

    names: Sequence[str]

    def __call__(self, name: str, line: str) -> None:
        """Print `line` of the program `name`; blank ones are left out."""
        if not line:
            return
        width = max(map(len, self.names))
        colour = _COLOURS[self.names.index(name) % len(_COLOURS)]
        click.echo(f"{click.style(f'{name:{width}} |', fg=colour)} {line}")


@dataclass(frozen=True, slots=True)
class UntilUnread:
    """Prints lines by `say`; where nobody reads them any more, as behind `| head`, calls `stop` and prints nowhere."""

    say: Say
    stop: Callable[[], None]

    def __call__(self, name: str, line: str) -> None:
        """Print `line` of the program `name`."""
        try:
            self.say(name, line)
        except BrokenPipeError:
            print_nowhere()
            self.stop()
