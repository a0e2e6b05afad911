"""What commands show: text for people, or with `--json` one JSON document on stdout, and errors without traceback.

Results go to stdout, remarks and errors to stderr, so that output can be piped.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import click
from rich.console import Console
from rich.table import Table

from app.domain.key_guide import told_refusal
from app.errors import ConfigurationError, RequestInvalid, VestibuleError
from app.jose.keys import KeyRefused

Command = TypeVar("Command", bound=Callable[..., Any])

USAGE_INVALID: Final = "usage_invalid"
"""The code of a command that was used wrongly."""

_WANTS_JSON: Final = "app.cli.json"
_NAMES_JSON: Final = "app.cli.names_json"
_UNFOLDED: Final = 1000
"""Columns of a table where the output is no terminal: a row is a line."""


class OutputLost(VestibuleError):
    """There is no room for what was to be written."""

    code = "output_lost"


def json_option(command: Command) -> Command:
    """Give `command` the option `--json`."""
    return click.option(
        "--json", is_flag=True, expose_value=False, is_eager=True, callback=_remember, help="Answer with JSON."
    )(command)


def examples(*lines: str) -> str:
    """Return the end of a command's help: how it is called."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def wants_json(context: click.Context | None = None) -> bool:
    """Tell whether the running command was called with `--json`."""
    return bool((context or click.get_current_context()).meta.get(_WANTS_JSON))


def note_arguments(context: click.Context, arguments: Sequence[str]) -> None:
    """Note whether `--json` is among `arguments`, all that came: a mistake may stand before the option is read."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    context.meta[_NAMES_JSON] = "--json" in options


@contextmanager
def usage_told(context: click.Context) -> Iterator[None]:
    """Show click's errors of usage as JSON where `--json` is among the arguments, and end; else leave them to click."""
    try:
        yield
    except click.UsageError as error:
        if not context.meta[_NAMES_JSON]:
            raise
        _show_json_error({"code": USAGE_INVALID, "detail": error.format_message()})
        context.exit(error.exit_code)


def print_nowhere() -> None:
    """Let nothing more reach the output; what is buffered for it goes nowhere too, now or when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def show_json(content: object) -> None:
    """Print `content` as JSON, for programs and for people alike."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def show_table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Print `rows` as a table; of each the members named by `columns`. With `--json`: as a list, whole."""
    if wants_json():
        show_json({"items": list(rows), "cursor": None})
        return
    # What stands in a cell is somebody else's text: brackets in a partner's name or in a kid are no markup.
    console = Console(width=None if sys.stdout.isatty() else _UNFOLDED, markup=False, emoji=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")  # an id that is cut off cannot be copied
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    console.print(table)


def remark(text: str) -> None:
    """Print a remark for people; silent with `--json`."""
    if not wants_json():
        click.echo(text, err=True)


def show_error(error: VestibuleError, context: click.Context) -> None:
    """Print why a command failed: every mistake, and never a traceback."""
    details = _details(error)
    if wants_json(context):
        _show_json_error({"code": error.code, **details})
        return
    click.echo(click.style(f"{error.code}: ", fg="red") + str(details["detail"]), err=True)
    for mistake in details.get("errors", ()):
        click.echo(f"  {mistake['path'] or '(document)'}: {mistake['reason']}", err=True)


def _show_json_error(content: Mapping[str, object]) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False), err=True)


def _details(error: VestibuleError) -> dict[str, Any]:
    match error:
        case RequestInvalid():
            mistakes = [{"path": mistake.path, "reason": mistake.reason} for mistake in error.mistakes]
            return {"detail": "The document has mistakes.", "errors": mistakes}
        case ConfigurationError():
            return {"detail": str(error)}
        case KeyRefused():
            return {"detail": told_refusal(error.reason)}
        case _:
            said = str(error).removeprefix(error.code).removeprefix(": ")
            return {"detail": said or (type(error).__doc__ or "").partition("\n")[0]}


def _remember(context: click.Context, _: click.Parameter, value: object) -> None:
    if value:
        context.meta[_WANTS_JSON] = True
