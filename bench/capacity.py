"""The tables of `docs/capacity.md`: what a rate needs, worked out from the figures of a run.

A full `make bench` rewrites what stands between the two marks; the words around it are written by hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

from bench.figures import Run, told_goal
from bench.scale import FULL

GUIDE: Final = Path("docs/capacity.md")
BEGIN: Final = "<!-- figures: begin (written by make bench) -->"
END: Final = "<!-- figures: end -->"
RATES: Final = (1_000, 10_000, 100_000)
BUSY: Final = 0.7
"""How busy a core may be: the share of saturation at which latency was measured."""
_CALL_SECONDS: Final = 1.0
_CALLS_IN_FLIGHT: Final = 1_000
_WEB_CONNECTIONS: Final = 17
_VERIFY_CONNECTIONS: Final = 2
_FETCH_CONNECTIONS: Final = 8
_UPKEEP_CONNECTIONS: Final = 7
_DATABASE_CORES: Final = 32
_LOG_BYTES_PER_SECOND: Final = 500e6
_COST: Final = "CPU per participant: "
_LOG: Final = "log written by PostgreSQL, per participant"
_COMMANDS: Final = "Redis commands, per participant"
_STORED: Final = "bytes on disk for one stored session, indexes included"
_CALL: Final = "CPU per prefill call: fetch"


@dataclass(frozen=True, slots=True)
class Costs:
    """What one participant costs: CPU microseconds by role, bytes of log and on disk, commands of Redis."""

    micros: Mapping[str, float]
    call_micros: float
    log_bytes: float
    stored_bytes: float
    commands: float

    def cores(self, role: str, rate: int) -> float:
        """Return how many cores `rate` participants a second keep busy to the share of BUSY."""
        return self.micros[role] * rate / 1e6 / BUSY

    def fetchers(self, rate: int) -> int:
        """Return how many fetch processes hold the calls, and have the CPU for them, if everybody needs one."""
        in_flight = rate * _CALL_SECONDS / _CALLS_IN_FLIGHT
        return ceil(max(in_flight, self.call_micros * rate / 1e6 / BUSY))


def update_guide(run: Run, guide: Path = GUIDE) -> bool:
    """Rewrite the tables of the guide; tell whether the run sufficed for it: a full one, with the figures they need."""
    values = {figure.name: figure.value for figure in run.figures}
    if run.scale != FULL.name or not {_LOG, _COMMANDS, _STORED, _CALL, _COST + "web"} <= values.keys():
        return False
    micros = {name.removeprefix(_COST): value for name, value in values.items() if name.startswith(_COST)}
    costs = Costs(micros, values[_CALL], values[_LOG], values[_STORED], values[_COMMANDS])
    before, _, rest = guide.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    told = (_provenance(run), _cost_table(costs), _need_table(costs), _limit_table(costs), _missed_table(run))
    block = "\n\n".join((BEGIN, *told, END))
    guide.write_text(before + block + after, encoding="utf-8")
    return True


def _provenance(run: Run) -> str:
    return f"From a {run.scale} run on {run.machine}; commit `{run.commit[:7]}`."


def _missed_table(run: Run) -> str:
    rows = [
        (figure.name, f"{figure.value:,.2f} {figure.unit}", told_goal(figure))
        for figure in run.figures
        if not figure.is_met
    ]
    return _table(("goals that this run missed", "measured", "goal"), rows) if rows else "This run met every goal."


def _cost_table(costs: Costs) -> str:
    rows = [(role, f"{micros:,.1f} µs") for role, micros in costs.micros.items()]
    rows += [
        ("together", f"{sum(costs.micros.values()):,.1f} µs"),
        ("`fetch`, for each prefill call", f"{costs.call_micros:,.1f} µs"),
        ("PostgreSQL's log (WAL)", f"{costs.log_bytes:,.0f} bytes"),
        ("a stored session with its indexes", f"{costs.stored_bytes:,.0f} bytes"),
        ("Redis commands", f"{costs.commands:.2f}"),
    ]
    return _table(("one participant costs", ""), rows)


def _need_table(costs: Costs) -> str:
    rows = [
        ("`web` processes", *(f"{ceil(costs.cores('web', rate)):,}" for rate in RATES)),
        ("`verify` children", *(f"{ceil(costs.cores('verify', rate)):,}" for rate in RATES)),
        ("`fetch` processes, if everybody needs a call of 1 s", *(f"{costs.fetchers(rate):,}" for rate in RATES)),
        ("`upkeep`, `beat`", *("1 each" for _ in RATES)),
        ("PostgreSQL, cores", *(f"{costs.cores('postgresql', rate):,.1f}" for rate in RATES)),
        ("PostgreSQL, connections", *(f"{_connections(costs, rate):,}" for rate in RATES)),
        ("PostgreSQL, log", *(f"{costs.log_bytes * rate / 1e6:,.0f} MB/s" for rate in RATES)),
        ("PostgreSQL, disk for an hour of it", *(f"{costs.stored_bytes * rate * 3.6e-6:,.0f} GB" for rate in RATES)),
        ("Redis, cores", *(f"{costs.cores('redis', rate):,.2f}" for rate in RATES)),
        ("Redis, commands", *(f"{costs.commands * rate:,.0f}/s" for rate in RATES)),
    ]
    return _table(("participants per second", *(f"{rate:,}" for rate in RATES)), rows)


def _limit_table(costs: Costs) -> str:
    rows = [
        (
            f"one PostgreSQL of {_DATABASE_CORES} cores",
            _rate(_DATABASE_CORES * BUSY * 1e6 / costs.micros["postgresql"]),
        ),
        (f"its log at {_LOG_BYTES_PER_SECOND / 1e6:.0f} MB/s", _rate(_LOG_BYTES_PER_SECOND / costs.log_bytes)),
        ("one Redis, which uses one core", _rate(_per_core(costs, "redis"))),
        ("`web`, `verify`, `fetch`", "as many machines as there are"),
    ]
    return _table(("what is full", "at participants per second"), rows)


def _connections(costs: Costs, rate: int) -> int:
    web, verify = (ceil(costs.cores(role, rate)) for role in ("web", "verify"))
    workers = verify * _VERIFY_CONNECTIONS + costs.fetchers(rate) * _FETCH_CONNECTIONS + _UPKEEP_CONNECTIONS
    return web * _WEB_CONNECTIONS + workers


def _per_core(costs: Costs, role: str) -> float:
    return BUSY * 1e6 / max(costs.micros[role], 0.1)


def _rate(value: float) -> str:
    return f"{value:,.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
