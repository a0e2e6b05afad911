"""Where calls of the command line may go: as the settings say, and beside `vestibule up` wherever its processes may."""

from ipaddress import IPv4Network, IPv6Network
from typing import Final

from app.cli.data_folder import is_locked
from app.domain.outside import IPNetwork, OutboundPolicy
from app.settings import Settings

LOOPBACK: Final[tuple[IPNetwork, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
"""What `vestibule up` adds to the settings: its demo partner is reached there."""


def outbound_policy(settings: Settings) -> OutboundPolicy:
    """Return the policy of the processes that a command speaks of."""
    return OutboundPolicy((*settings.private_url_cidrs, *(LOOPBACK if is_locked(settings.data_dir) else ())))
