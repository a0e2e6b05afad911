"""The options that pick dead letters, the same for their list and for replays."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = {
    "partner_id": ("--partner", "ID", "Of this partner."),
    "campaign_id": ("--campaign", "ID", "Of this campaign."),
    "error_class": ("--error-class", "CLASS", "Given up for this reason, such as timeout or http_5xx."),
    "since": ("--since", "MOMENT", "Given up then or later (RFC 3339, such as 2027-03-01T00:00:00Z)."),
    "until": ("--until", "MOMENT", "Given up before then."),
}


def filter_options(command: Command) -> Command:
    """Give `command` the options of a filter, each None where it is not used."""
    for name, (option, metavar, text) in reversed(_OPTIONS.items()):
        command = click.option(option, name, metavar=metavar, help=text)(command)
    return command


def without_none(options: dict[str, str | None]) -> dict[str, str]:
    """Return the options that were used, as the members of a filter."""
    return {name: value for name, value in options.items() if value is not None}
