"""A rehearsal makes the call that a session would cause, once, and remembers nothing of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.breaker import Breaker
from app.domain.health import PartnerHealth, paused
from app.domain.inspection import Inspection
from app.domain.partner import Authorization, AuthorizationSource, PrefillConfig
from app.domain.prefill import PartnerAnswer, PrefillCall
from app.errors import OutsideError
from app.reasons import PrefillReason
from app.steps.rehearse import Rehearsal, RehearsePrefill
from tests.builders import NOW
from tests.fakes import FakePartnerApi, FixedClock, MemoryPartnerHealth
from tests.steps.inspecting import Bench
from tests.steps.verifying import mint, pinned_partner

API = PrefillConfig(
    "https://api.acme.example/{campaign_id}/{sub}",
    "GET",
    Authorization(AuthorizationSource.CLAIM, name="at"),
    timedelta(seconds=5),
    50,
    form_mapping={"firstname": "given", "town": "town"},
    optin_mapping={"newsletter": "consents.mail"},
)


def inspected(**claims: Any) -> Inspection:
    return Bench.of(pinned_partner(prefill=API)).inspect(mint(**{"at": "opaque", "sub": "a/b", **claims}))


def rehearse(health: PartnerHealth | None = None, *answers: PartnerAnswer | OutsideError) -> RehearsePrefill:
    known = {} if health is None else {"acme": health}
    return RehearsePrefill(MemoryPartnerHealth(known), FakePartnerApi({"acme": answers}), FixedClock())


def planned(step: RehearsePrefill, inspection: Inspection) -> PrefillCall:
    call = step.plan(inspection)
    assert isinstance(call, PrefillCall)
    return call


def test_rehearsal_plans_the_call_of_the_session() -> None:
    call = planned(rehearse(), inspected())

    assert (call.url, call.bearer) == ("https://api.acme.example/945645/a%2Fb", "opaque")


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": 1}, id="refused"),
        pytest.param({"at": None}, id="without-credential"),
        pytest.param({"form": {"firstname": "Ada"}}, id="carried"),
        pytest.param({"optin": {"newsletter": ""}}, id="carried-opt-in"),
        pytest.param({"limit": {"canPlay": False}}, id="may-not-play"),
    ],
)
def test_rehearsal_plans_none_where_a_session_would_cause_none(claims: dict[str, object]) -> None:
    assert rehearse().plan(inspected(**claims)) is None


def test_rehearsal_calls_no_partner_that_somebody_paused() -> None:
    step = rehearse(paused(PartnerHealth(), "admin"))

    found = step.plan(inspected())

    assert isinstance(found, Rehearsal)
    assert (found.prefill.reason, found.detail) == (PrefillReason.BREAKER_OPEN, "paused")


def test_rehearsal_calls_a_partner_whose_breaker_is_open_since_that_is_what_one_wants_to_see() -> None:
    health = replace(PartnerHealth(), breaker=Breaker(opened_until=NOW + timedelta(minutes=1)))

    assert isinstance(rehearse(health).plan(inspected()), PrefillCall)


def test_rehearsal_plans_the_call_where_the_token_says_nothing_but_null() -> None:
    found = rehearse().plan(inspected(form={"firstname": None}, optin={"newsletter": None}))

    assert isinstance(found, PrefillCall)


async def test_rehearsal_names_what_the_answer_had_nothing_for() -> None:
    step = rehearse(None, PartnerAnswer({"firstname": "Ada", "town": None}, {"newsletter": None}))

    found = await step(planned(step, inspected()))

    assert (found.missing, found.status) == (("form.town", "optin.newsletter"), 200)
    assert (dict(found.prefill.form), dict(found.prefill.optin)) == ({"firstname": "Ada"}, {})
    assert "Ada" not in repr(found)


async def test_rehearsal_that_fails_says_how() -> None:
    step = rehearse(None, OutsideError(PrefillReason.TLS, "handshake_failed"))

    found = await step(planned(step, inspected()))

    assert (found.prefill.reason, found.detail, found.status) == (PrefillReason.TLS, "handshake_failed", None)
