"""A partner's check-up for `vestibule doctor --partner`: what `POST /v1/partners/{id}/doctor` finds, in a table."""

import asyncio
from functools import partial
from importlib.metadata import version
from typing import Final

from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.keyset_desk import SqlKeysetDesk
from app.adapters.database.partner_health import SqlPartnerHealth
from app.adapters.partner_probe import HttpPartnerProbe
from app.adapters.safe_http import SafeHttp
from app.cli.exits import Exit
from app.cli.outbound import outbound_policy
from app.cli.output import remark, show_json, show_table, wants_json
from app.cli.wiring import Wiring, opened
from app.documents.campaign import to_campaign
from app.documents.partner import to_partner
from app.documents.secrets import join_secrets
from app.domain.checkup import CheckStatus, checkup_view, verdict
from app.steps.authorize import LOCAL_CALLER
from app.steps.examine import ExaminePartner

_COLUMNS: Final = ("status", "name", "detail", "hint")


def examine(partner_id: str, sub: str | None) -> Exit:
    """Examine a partner, show what was found, and return how the command ends: failed if a check is."""
    with opened() as wiring:
        step = _step(wiring)
        checks = asyncio.run(step(step.begin(partner_id, sub, LOCAL_CALLER)))
    if wants_json():
        show_json(checkup_view(partner_id, checks))
    else:
        rows = [{name: getattr(check, name) for name in _COLUMNS} for check in checks]
        show_table(_COLUMNS, rows)
        remark(f"partner {partner_id}: {verdict(checks)}")
    return Exit.FAILED if verdict(checks) is CheckStatus.FAIL else Exit.OK


def _step(wiring: Wiring) -> ExaminePartner:
    settings, database = wiring.settings, wiring.database
    outbound = outbound_policy(settings)
    open_http = partial(SafeHttp, outbound, f"vestibule/{version('vestibule')}", ca_file=settings.ca_file)
    return ExaminePartner(
        documents=wiring.documents,
        configuration=SqlConfiguration(database, wiring.sealing, join_secrets, to_partner, to_campaign),
        desk=SqlKeysetDesk(database),
        health=SqlPartnerHealth(database),
        probe=HttpPartnerProbe(open_http),
        audit=wiring.audit,
        clock=wiring.clock,
    )
