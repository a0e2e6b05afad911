"""`vestibule keys rotate-master`: everything under the first master key, so that the others can be thrown away."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from app.adapters.database.resealing import SqlResealing
from app.cli.exits import Exit
from app.cli.output import examples, json_option, remark, show_json, show_table, wants_json
from app.cli.wiring import opened
from app.domain.resealing import Resealed
from app.steps.authorize import LOCAL_CALLER
from app.steps.rotate_master import RotateMaster

_COLUMNS: Final = ("place", "rows", "resealed", "unreadable")


@click.command("rotate-master", epilog=examples("vestibule keys rotate-master", "vestibule keys rotate-master --json"))
@json_option
@click.pass_context
def rotate_master(context: click.Context) -> None:
    """Seal anew, under the first of VESTIBULE_MASTER_KEYS, what the others have sealed.

    Give every process the new key behind the old ones first, then in front of them: each has to be able to open what
    another seals. Ends with 1 if something is sealed by a key that is not there. Session keys that were made with an
    old key are good as long as that key is in the ring: keep it for the longest life of a session.
    """
    with opened() as wiring, _progress() as tell:
        step = RotateMaster(SqlResealing(wiring.database, wiring.sealing), wiring.audit, wiring.clock)
        totals = step(LOCAL_CALLER, tell)
    rows: list[dict[str, Any]] = [
        {"place": place, "rows": total.rows, "resealed": total.resealed, "unreadable": total.unreadable}
        for place, total in totals.items()
    ]
    unreadable = sum(total.unreadable for total in totals.values())
    if wants_json():
        show_json({"items": rows, "unreadable": unreadable})
    else:
        show_table(_COLUMNS, rows)
        if unreadable:
            remark(f"{unreadable} values do not open: put the key that sealed them into the ring")
    context.exit(Exit.FAILED if unreadable else Exit.OK)


@contextmanager
def _progress() -> Iterator[Callable[[str, Resealed], None]]:
    """Yield what draws how far it is, on a terminal."""
    if wants_json() or not sys.stderr.isatty():
        yield lambda *_: None
        return
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("")

        def draw(place: str, total: Resealed) -> None:
            bar.update(task, description=f"{place}: {total.rows} rows, {total.resealed} sealed anew")

        yield draw
