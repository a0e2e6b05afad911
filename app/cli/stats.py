"""`vestibule stats`: how the delivery is, as `GET /v1/stats` says it."""

from typing import Any

import click

from app.cli.output import examples, json_option, remark, show_json, show_table, wants_json
from app.cli.wiring import opened
from app.steps.authorize import LOCAL_CALLER
from app.steps.stats import ShowStats

_COLUMNS = ("partner", "breaker", "paused", "in_flight", "fresh", "retry", "replay", "later", "bank", "errors")


@click.command(epilog=examples("vestibule stats", "vestibule stats --json"))
@json_option
def stats() -> None:
    """Show what waits where, what becomes of tokens, and how each partner is."""
    with opened() as wiring:
        body: dict[str, Any] = ShowStats(wiring.figures, wiring.clock)(LOCAL_CALLER)
    if wants_json():
        show_json(body)
        return
    for stage, counts in body["stages"].items():
        remark(f"{stage}: {counts if isinstance(counts, int) else _listed(counts)}")
    for tokens in body["tokens"]:
        remark(f"tokens of {tokens['partner_id']} in the last five minutes: {_listed(tokens['verdicts'])}")
    show_table(_COLUMNS, [_row(partner) for partner in body["partners"]])


def _row(partner: dict[str, Any]) -> dict[str, object]:
    return {
        "partner": partner["partner_id"],
        "breaker": partner["breaker"]["state"],
        "paused": (partner["paused_until"] or "until resumed") if partner["paused"] else "",
        "in_flight": f"{partner['in_flight']} of {partner['max_concurrency']}",
        **partner["due"],
        "later": sum(partner["later"].values()),
        "bank": partner["retry_bank"],
        "errors": _listed(partner["errors"]),
    }


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
