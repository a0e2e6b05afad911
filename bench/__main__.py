"""`make bench`: every figure of a run, against floors and peers measured in the same run.

`python -m bench [SECTION ...]` measures some sections only; `QUICK=1` measures less of each, and leaves out what it
names.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final

from bench.capacity import update_guide
from bench.figures import Figure, Run, save, show
from bench.plots import draw
from bench.scale import FULL, QUICK
from bench.sections import (
    Bench,
    measure_crypto_api,
    measure_first_session,
    measure_flatness,
    measure_growth,
    measure_participant,
    measure_parts,
    measure_peers,
    measure_prefill,
    measure_tokens,
)
from bench.servers import servers

RESULTS: Final = Path("bench/results/latest.json")
SECTIONS: Final[Mapping[str, Callable[[Bench], list[Figure]]]] = {
    # What is compared with the floors and with the peers comes next to them: machines change their speed within a run.
    "participant": measure_participant,
    "peers": measure_peers,
    "tokens": measure_tokens,
    "parts": measure_parts,
    "crypto-api": measure_crypto_api,
    "prefill": measure_prefill,
    "flatness": measure_flatness,
    "growth": measure_growth,
    "first-session": measure_first_session,
}


def main() -> None:
    """Measure, print the table, write the results."""
    _allow_many_connections()
    scale = QUICK if os.environ.get("QUICK") else FULL
    names = sys.argv[1:] or [name for name in SECTIONS if name not in scale.left_out]
    if scale.left_out:
        print(f"left out of a {scale.name} run: {', '.join(scale.left_out)}", file=sys.stderr)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="vestibule-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs under an account of its own
        with servers(Path(folder)) as started:
            bench = Bench.prepare(started, scale)
            for name in names:
                began = monotonic()
                figures += SECTIONS[name](bench)
                print(f"{name}: {monotonic() - began:.0f} s", file=sys.stderr)
        figures = [*bench.floors.figures(), *figures]
    run = Run.of(scale.name, figures)
    show(figures)
    save(run, RESULTS)
    draw(figures, RESULTS.parent)
    update_guide(run)


def _allow_many_connections() -> None:
    """Raise the limit of open files for the client and for what we start, as far as we may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
