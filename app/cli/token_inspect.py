"""`vestibule token inspect`: what becomes of a token, check by check, beside the database and without a session.

The token comes from a file or from standard input, never as an argument: those show in the list of processes.
"""

import asyncio
import time
from typing import Any, BinaryIO, Final

import click

from app.cli.exits import Exit
from app.cli.inspecting import Inspector, inspector
from app.cli.output import json_option, remark, show_json, wants_json
from app.cli.wiring import opened
from app.domain.inspection import Inspection
from app.domain.inspection_view import inspection_view
from app.domain.prefill import PrefillCall
from app.domain.session import TokenStatus
from app.errors import TokenTooLarge
from app.steps.authorize import LOCAL_CALLER
from app.steps.inspect import LOOK_SECONDS, PATIENCE_SECONDS, Asked
from app.steps.rehearse import Rehearsal, rehearsal_view

_EXAMPLES: Final = """\b
Examples:
  vestibule token inspect --partner acme --campaign spring token.txt
  vestibule token mint --key key.json --campaign spring |
    vestibule token inspect --partner acme --campaign spring --dry-run-prefill
"""
_MAX_BYTES: Final = 64 * 1024
_MARKS: Final = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "yellow")}
_EXITS: Final = {TokenStatus.ACCEPTED: Exit.OK, TokenStatus.REJECTED: Exit.REFUSED, TokenStatus.PENDING: Exit.UNDECIDED}


@click.command(epilog=_EXAMPLES)
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--partner", "partner_id", required=True, help="The partner that made the token.")
@click.option("--campaign", "campaign_id", required=True, help="The campaign that it is for.")
@click.option("--dry-run-prefill", is_flag=True, help="Call the partner's API as a session would; shows no values.")
@json_option
@click.pass_context
def inspect(
    context: click.Context, file: BinaryIO, partner_id: str, campaign_id: str, *, dry_run_prefill: bool
) -> None:
    """Say what becomes of the token in FILE (by default standard input), check by check.

    Makes no session and uses up nothing. Ends with 0 if it is accepted, 5 if it is refused, 7 if it waits for a key.
    """
    if file.isatty():
        remark("Paste the token, then press Enter and Ctrl-D.")
    asked = Asked(partner_id, campaign_id, _token(file))
    with opened() as wiring:
        used = inspector(wiring)
        inspection = _patiently(used, asked)
        rehearsal = _rehearsed(used, inspection) if dry_run_prefill else None
        now = wiring.clock.now()
    view = {**inspection_view(inspection, now), "dry_run": None if rehearsal is None else rehearsal_view(rehearsal)}
    if wants_json():
        show_json(view)
    else:
        _show(view)
    context.exit(_EXITS[inspection.verdict.status])


def _token(file: BinaryIO) -> str:
    content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise TokenTooLarge
    return content.decode("utf-8", "replace").strip()


def _patiently(used: Inspector, asked: Asked) -> Inspection:
    inspection = used.inspect(asked, LOCAL_CALLER)
    for _ in range(round(PATIENCE_SECONDS / LOOK_SECONDS)):
        if not inspection.is_fetching:
            break
        time.sleep(LOOK_SECONDS)
        inspection = used.inspect.look_again(inspection)
    return inspection


def _rehearsed(used: Inspector, inspection: Inspection) -> Rehearsal | None:
    planned = used.rehearse.plan(inspection)
    return asyncio.run(used.rehearse(planned)) if isinstance(planned, PrefillCall) else planned


def _show(view: dict[str, Any]) -> None:
    for check in view["checks"]:
        mark, colour = _MARKS[check["passed"]]
        click.echo(f"{click.style(mark, fg=colour)} {check['name']:<18} {check['got'] or ''}".rstrip())
        if check["reason"] is not None:
            click.echo(f"    expected  {check['expected']}")
            click.echo(f"    hint      {check['hint']} ({check['docs']})")
    _show_pairs("verdict", view["verdict"])
    _show_pairs("participation", view["campaign"]["participation"])
    _show_pairs("prefill", view["campaign"]["prefill"])
    _show_pairs("dry run", view["dry_run"])
    for name in ("iat", "nbf", "exp"):
        _show_pairs(f"clock: {name}", view["clocks"][name])


def _show_pairs(title: str, members: dict[str, Any] | None) -> None:
    said = {name: value for name, value in (members or {}).items() if value not in (None, [], False)}
    if said:
        click.echo(f"{title}: " + ", ".join(f"{name} {_plain(value)}" for name, value in said.items()))


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
