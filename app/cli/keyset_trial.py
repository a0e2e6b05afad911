"""What came of trying a partner's keys: a remark after its document was put."""

from collections.abc import Mapping
from time import monotonic, sleep
from typing import Any, Final

from app.cli.output import remark, wants_json
from app.steps.try_keyset import LOOK_SECONDS, Findings, TryKeyset

_PATIENCE_SECONDS: Final = 3.0
"""Longer than over HTTP: no hint wakes the workers, they look by themselves every second or two."""


def remark_keys(try_keyset: TryKeyset, document: Mapping[str, Any]) -> None:
    """Ask for the keys that a partner's document names, and say what was found; with `--json` only ask."""
    trial = try_keyset.begin(document)
    if trial is None or wants_json():
        return
    findings = try_keyset.look(trial)
    ends_at = monotonic() + _PATIENCE_SECONDS
    while findings.is_pending and monotonic() < ends_at:
        sleep(LOOK_SECONDS)
        findings = try_keyset.look(trial)
    remark(f"keys: {_said(findings)}")


def _said(findings: Findings) -> str:
    if findings.is_pending:
        return "asked for, no answer yet; `vestibule keys show` tells later (does a fetch worker run?)"
    if findings.error is not None:
        return f"{findings.state}, the last fetch failed: {findings.error}; it is tried again"
    return f"{findings.state}, {findings.keys} usable, {findings.dropped} not"
