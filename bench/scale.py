"""How much is measured: a quick look of a few minutes, or the whole."""

import os
from dataclasses import dataclass
from typing import Final

HALF_LOAD: Final = "half load"
CROWDED_FLOOR: Final = "floor of a crowd"
NODE_PEER: Final = "Node"
OWN_CONNECTIONS: Final = "own connections"
HALF_OVERLOAD: Final = "5-fold overload"
CROWDS: Final = "partners and long polls"


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts and durations of one run, under the name that its figures are told with.

    `left_out` names what is not measured: whole sections, or what a section has by one of the names above.
    """

    name: str
    left_out: tuple[str, ...]
    verifications: int
    floor_seconds: float
    floor_batches: int
    warm_seconds: float
    saturation_seconds: float
    turns: int
    turn_seconds: float
    peer_seconds: float
    open_seconds: float
    overload_seconds: float
    stored_few: int
    stored_many: int
    purged: int
    crowd_few: int
    crowd_many: int
    partners: int
    long_polls: int
    fetch_seconds: float


QUICK: Final = Scale(
    name="quick",
    # What the design's table has no goal for, and memory, of which a few thousand participants tell nothing.
    left_out=(
        HALF_LOAD,
        CROWDED_FLOOR,
        OWN_CONNECTIONS,
        HALF_OVERLOAD,
        NODE_PEER,
        "parts",
        "crypto-api",
        CROWDS,
        "growth",
    ),
    verifications=2_000,
    floor_seconds=1.0,
    floor_batches=40,
    warm_seconds=1.5,
    saturation_seconds=4.0,
    turns=1,
    turn_seconds=2.0,
    peer_seconds=2.5,
    open_seconds=3.0,
    overload_seconds=1.0,
    stored_few=10_000,
    stored_many=50_000,
    purged=20_000,
    crowd_few=2_000,
    crowd_many=8_000,
    partners=1_000,
    long_polls=1_000,
    fetch_seconds=2.0,
)
FULL: Final = Scale(
    name="full",
    left_out=(),
    verifications=20_000,
    floor_seconds=5.0,
    floor_batches=400,
    warm_seconds=5.0,
    saturation_seconds=20.0,
    turns=5,
    turn_seconds=4.0,
    peer_seconds=15.0,
    open_seconds=30.0,
    overload_seconds=4.0,
    stored_few=10_000,
    stored_many=1_000_000,
    purged=200_000,
    crowd_few=10_000,
    crowd_many=int(os.environ.get("CROWD", "200000")),
    partners=1_000,
    long_polls=1_000,
    fetch_seconds=15.0,
)
