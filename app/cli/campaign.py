"""`vestibule campaign`: what is played."""

import click

from app.cli.documents import document_commands
from app.management_ports import DocumentKind


@click.group
def campaign() -> None:
    """Put, get and list campaigns."""


for command in document_commands(DocumentKind.CAMPAIGN, ("name", "partner_id", "mode")):
    campaign.add_command(command)
