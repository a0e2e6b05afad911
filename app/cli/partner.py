"""`vestibule partner`: the brands that hand out tokens."""

import click

from app.cli.documents import document_commands
from app.management_ports import DocumentKind


@click.group
def partner() -> None:
    """Put, get and list partners."""


for command in document_commands(DocumentKind.PARTNER, ("name",)):
    partner.add_command(command)
