"""`vestibule partner`: the brands that hand out tokens."""

from collections.abc import Callable
from datetime import timedelta

import click

from app.cli.documents import document_commands
from app.cli.output import examples, json_option, remark, show_json, wants_json
from app.cli.wiring import opened
from app.fetch_ports import PartnerFigures
from app.management_ports import DocumentKind
from app.steps.authorize import LOCAL_CALLER
from app.steps.contain import ContainPartner
from app.steps.key_pairs import OVERLAP
from app.steps.stats import partner_view

_HOUR_SECONDS = 3600
_MAX_OVERLAP_HOURS = 90 * 24


@click.group
def partner() -> None:
    """Put, get, list, pause and resume partners, and rotate our keys for their tokens."""


@partner.command(
    "rotate-keys",
    epilog=examples("vestibule partner rotate-keys acme", "vestibule partner rotate-keys acme --overlap-hours 0"),
)
@click.argument("partner_id")
@click.option(
    "--overlap-hours",
    type=click.IntRange(min=0, max=_MAX_OVERLAP_HOURS),
    default=int(OVERLAP.total_seconds()) // _HOUR_SECONDS,
    show_default=True,
    help="How long the keys before go on decrypting; 0 where they are disclosed.",
)
@json_option
def rotate_keys(partner_id: str, overlap_hours: int) -> None:
    """Make new key pairs for the encrypted tokens of a partner, and publish them."""
    with opened() as wiring:
        made = wiring.rotate_key_pairs(partner_id, timedelta(hours=overlap_hours), LOCAL_CALLER)
    remark(f"partner {partner_id}: the keys of generation {made.number} are published")
    if wants_json():
        kids = [jwk["kid"] for jwk in made.jwks]
        show_json({"partner_id": partner_id, "generation": made.number, "kids": kids})


@partner.command(epilog=examples("vestibule partner pause acme"))
@click.argument("partner_id")
@json_option
def pause(partner_id: str) -> None:
    """Stop calling a partner until it is resumed."""
    _contain(partner_id, "paused", lambda contain: contain.pause(partner_id, LOCAL_CALLER))


@partner.command(epilog=examples("vestibule partner resume acme"))
@click.argument("partner_id")
@json_option
def resume(partner_id: str) -> None:
    """Call a partner again: ends a pause, whoever made it, and closes the breaker."""
    _contain(partner_id, "resumed", lambda contain: contain.resume(partner_id, LOCAL_CALLER))


def _contain(partner_id: str, done: str, change: Callable[[ContainPartner], PartnerFigures]) -> None:
    with opened() as wiring:
        figures = change(wiring.contain)
        now = wiring.clock.now()
    remark(f"partner {partner_id}: {done}")
    if wants_json():
        show_json(partner_view(figures, now))


for command in document_commands(DocumentKind.PARTNER, ("name",)):
    partner.add_command(command)
