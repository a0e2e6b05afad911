"""`vestibule purge`: deletes what has expired, now instead of within the hour."""

from time import sleep

import click

from app.adapters.database.housekeeping import SqlHousekeeping
from app.adapters.database.leases import SqlLeases
from app.cli.output import examples, json_option, remark, show_json, wants_json
from app.cli.wiring import opened
from app.steps.purge import PurgeExpired


@click.command(epilog=examples("vestibule purge", "vestibule purge --json"))
@json_option
def purge() -> None:
    """Delete what has expired, in chunks."""
    with opened() as wiring:
        expired = PurgeExpired(
            SqlHousekeeping(wiring.database, wiring.settings.retention()),
            SqlLeases(wiring.database),
            wiring.clock,
            wiring.settings.purge_chunk,
            sleep,
        )
        deleted = expired(by_hand=True)
    remark(f"{sum(deleted.values())} rows deleted")
    if wants_json():
        show_json({"deleted": dict(deleted)})
