"""A partner's check-up: its documents read, its endpoints asked once, and what was found in order.

Calls the participant API for a sample alone, and only if one is given. The record says that it was done, and for whom.
"""

from dataclasses import dataclass, field
from typing import Final

from app.domain.campaign import Campaign
from app.domain.checkup import Check, doubtful
from app.domain.checkup_endpoints import (
    PublishedKey,
    PublishedKeys,
    check_api_answer,
    check_api_failure,
    check_keys_answer,
    check_keys_failure,
)
from app.domain.checkup_list import check_cached_keys, check_campaigns, check_partner
from app.domain.health import is_paused
from app.domain.keyset import DroppedKey, Keyset
from app.domain.partner import Partner
from app.domain.prefill import PrefillCall, PrefillRequest, found_in_answer
from app.errors import OutsideError, PartnerUnknown
from app.fetch_ports import HealthStore, PartnerProbe
from app.jose.keys import KeyPolicy, UsableKey, import_keys
from app.jose.signature import key_fits
from app.keyset_ports import KeysetDesk
from app.management_ports import AuditLog, DocumentKind, DocumentStore
from app.ports import Clock, ConfigurationSource
from app.steps.authorize import Caller
from app.steps.fetch import prefill_call
from app.steps.partners import find_partner

MAX_CAMPAIGNS: Final = 50
"""Of one partner, by id, that are looked at."""
_LOOK_YOURSELF = "hold the others to what is said of these"
_NO_CAMPAIGN = "checkup"
"""Stands for the campaign in a URL template, where the partner has none."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What is to be examined, as it is stored; `sub` is the sample."""

    partner: Partner
    campaigns: tuple[Campaign, ...]
    has_more_campaigns: bool
    keyset: Keyset | None
    is_paused: bool
    sub: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExaminePartner:
    """Examines one partner on a manager's word."""

    documents: DocumentStore
    configuration: ConfigurationSource
    desk: KeysetDesk
    health: HealthStore
    probe: PartnerProbe
    audit: AuditLog
    clock: Clock

    def begin(self, partner_id: str, sub: str | None, caller: Caller) -> Examination:
        """Return what is to be examined; raise PartnerUnknown."""
        find_partner(self.documents, partner_id, caller)
        listed = self.documents.load_page(DocumentKind.CAMPAIGN, None, MAX_CAMPAIGNS + 1, partner_id)
        looked_at = frozenset(one.id for one in listed[:MAX_CAMPAIGNS])
        loaded = self.configuration.load(looked_at, frozenset({partner_id}))
        partner = loaded.partners.get(partner_id)
        if partner is None:  # it was deleted since we looked
            raise PartnerUnknown
        now, source = self.clock.now(), partner.signature.jwks_url
        stored = self.desk.find(source) if source else None
        self.audit.add(caller.did("partner.examined", partner_id, now, {"with_sample": sub is not None}, partner_id))
        campaigns = tuple(campaign for _, campaign in sorted(loaded.campaigns.items()))
        paused = is_paused(self.health.load({partner_id})[partner_id], now)
        keyset = None if stored is None else stored.keyset
        return Examination(partner, campaigns, len(listed) > MAX_CAMPAIGNS, keyset, paused, sub)

    async def __call__(self, examination: Examination) -> list[Check]:
        """Return the checks; asks each endpoint once, and raises nothing that the partner's side causes."""
        partner = examination.partner
        checks = list(check_partner(partner, self.clock.now()))
        if partner.signature.jwks_url is not None:
            checks += await self._ask_for_keys(partner, partner.signature.jwks_url)
            checks.append(check_cached_keys(examination.keyset, self.clock.now()))
        call = _sample_call(examination)
        if call is not None:
            checks += await self._ask_for_sample(examination, call)
        checks += check_campaigns(examination.campaigns, partner)
        if examination.has_more_campaigns:
            checks.append(doubtful("campaigns", f"only the first {MAX_CAMPAIGNS} were looked at", _LOOK_YOURSELF))
        return checks

    async def _ask_for_keys(self, partner: Partner, url: str) -> list[Check]:
        try:
            reached, document = await self.probe.ask_for_keys(url)
        except OutsideError as error:
            return [check_keys_failure(error)]
        return list(check_keys_answer(reached, _published(document, partner), partner, self.clock.now()))

    async def _ask_for_sample(self, examination: Examination, call: PrefillCall) -> list[Check]:
        partner = examination.partner
        if examination.is_paused:
            return [doubtful("prefill_reachable", "not asked: it is paused", "`partner resume` calls it again")]
        if examination.sub is None:
            return [doubtful("prefill_reachable", "not asked", "give the sub of a participant who may be asked for")]
        try:
            reached, answer = await self.probe.ask_for_participant(call)
        except OutsideError as error:
            return [check_api_failure(error, partner)]
        return list(check_api_answer(reached, found_in_answer(answer), partner, self.clock.now()))


def _sample_call(examination: Examination) -> PrefillCall | None:
    """Return the call for the sample, as the first campaign would make it; None where there is no API to call."""
    campaign_id = examination.campaigns[0].id if examination.campaigns else _NO_CAMPAIGN
    return prefill_call(examination.partner, PrefillRequest(examination.sub or ""), campaign_id)


def _published(document: object, partner: Partner) -> PublishedKeys:
    imported = import_keys(document, KeyPolicy.remote())
    usable = tuple(PublishedKey(key.kid, _algorithms(key, partner)) for key in imported.keys)
    return PublishedKeys(usable, tuple(DroppedKey(key.kid, key.reason) for key in imported.dropped))


def _algorithms(key: UsableKey, partner: Partner) -> tuple[str, ...]:
    return tuple(alg for alg in sorted(partner.signature.algorithms) if key_fits(key, alg, "verify"))
