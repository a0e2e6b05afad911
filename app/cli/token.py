"""`vestibule token`: tokens made as a partner would make them, and told what becomes of them."""

import click

from app.cli.token_inspect import inspect
from app.cli.token_mint import mint


@click.group
def token() -> None:
    """Make tokens for tests, and inspect tokens."""


token.add_command(inspect)
token.add_command(mint)
