"""The command line: `vestibule …`, also `python -m app …`. One file per group of commands, loaded when it is called.

Decides how a command that fails ends: a sentence on stderr and a stable exit code (`exits.py`), never a traceback.
"""

from collections.abc import Mapping
from errno import ENOSPC
from importlib import import_module
from typing import Final

import click

from app.adapters.memory import uncollected
from app.cli.exits import Exit, exit_code
from app.cli.output import OutputLost, note_arguments, print_nowhere, show_error, usage_told
from app.errors import VestibuleError

COMMANDS: Final[Mapping[str, str]] = {
    "audit": "List what was changed, when and by whom.",
    "campaign": "Put, get and list campaigns.",
    "client": "Create, list and revoke management clients.",
    "dead-letters": "List sessions whose prefill was given up.",
    "doctor": "Check what the service needs, or one partner before it goes live.",
    "keys": "Show, refresh, revoke and pin the keys that a partner publishes.",
    "migrate": "Bring the database to this version.",
    "partner": "Put, get and list partners.",
    "participant": "Delete what a participant left behind.",
    "purge": "Delete what has expired.",
    "replay": "Try dead letters again: start, status, pause, resume, cancel.",
    "session": "Show what happened to a session.",
    "stats": "Show what waits where, and how each partner is.",
    "token": "Make tokens for tests, and inspect tokens.",
    "up": "Start everything here, with a demo partner and its campaign.",
    "web": "Serve the public and the management port.",
}
"""Each command of that name stands in the module of that name, under that name (- is _); its help in a line."""


class _Commands(click.Group):
    """Loads a command's module when the command is called: `up` need not wait for what `token` imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        with uncollected():
            command: click.Command = getattr(import_module(f"app.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        note_arguments(ctx, args)
        with usage_told(ctx):
            if not all(map(_is_text, args)):
                raise click.UsageError("The arguments must be text, in UTF-8.", ctx)
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            with usage_told(ctx):
                return super().invoke(ctx)
        except VestibuleError as error:
            show_error(error, ctx)
            ctx.exit(exit_code(error))
        except OSError as error:
            if error.errno != ENOSPC:
                raise
            print_nowhere()
            show_error(OutputLost(), ctx)
            ctx.exit(Exit.FAILED)


def _is_text(argument: str) -> bool:
    """Tell whether an argument could be read; of bytes that could not, Python makes halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vestibule")
def main() -> None:
    """Vestibule recognises a campaign's participants before they reach the form."""
