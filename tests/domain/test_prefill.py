"""Which values fill a form, and which are reported instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.prefill import (
    PartnerAnswer,
    Prefill,
    PrefillSource,
    PrefillStatus,
    expand_url,
    found_in_answer,
    prefill_from_answer,
    prefill_from_claims,
    with_earlier_warnings,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("Ada", "Ada", id="text"),
        pytest.param("", "", id="empty-text"),
        pytest.param(12, "12", id="integer"),
        pytest.param(1.5, "1.5", id="fraction"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param("x" * 1024, "x" * 1024, id="longest-text"),
        pytest.param("a\0b", "ab", id="nul-taken-out"),
    ],
)
def test_form_value_that_is_usable_becomes_text(value: object, text: str) -> None:
    prefill = prefill_from_claims({"field": value}, None)

    assert prefill.form == {"field": text}
    assert prefill.warnings == ()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(["Ada"], id="list"),
        pytest.param({"x": 1}, id="object"),
        pytest.param("x" * 1025, id="too-long"),
        pytest.param(float("inf"), id="infinite"),
        pytest.param(10**5000, id="gigantic"),
    ],
)
def test_form_value_that_is_unusable_is_reported(value: object) -> None:
    prefill = prefill_from_claims({"good": "1", "bad": value}, None)

    assert prefill.form == {"good": "1"}
    assert prefill.warnings == ("form.bad: value_unusable",)


def test_form_null_is_skipped_without_a_word() -> None:
    prefill = prefill_from_claims({"good": "1", "absent": None}, None)

    assert prefill.form == {"good": "1"}
    assert prefill.warnings == ()


@pytest.mark.parametrize(
    "key",
    [pytest.param("", id="empty"), pytest.param("a b", id="space"), pytest.param("k" * 65, id="long"), "é", "<b>"],
)
def test_form_key_that_is_unusable_is_reported_without_its_name(key: str) -> None:
    prefill = prefill_from_claims({key: "1", "good": "1"}, None)

    assert prefill.form == {"good": "1"}
    assert prefill.warnings == ("form: key_unusable",)


def test_form_of_more_than_64_keys_is_cut_and_reported() -> None:
    prefill = prefill_from_claims({f"k{number}": "1" for number in range(65)}, None)

    assert len(prefill.form) == 64
    assert prefill.warnings == ("form: too_many_keys",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(True, "1", id="true"),
        pytest.param(False, "0", id="false"),
        pytest.param(1, "1", id="one"),
        pytest.param(0, "0", id="zero"),
        pytest.param("1", "1", id="text-one"),
        pytest.param("0", "0", id="text-zero"),
        pytest.param("TRUE", "1", id="text-true"),
        pytest.param("false", "0", id="text-false"),
        pytest.param("", "", id="empty"),
        pytest.param(None, "", id="null"),
    ],
)
def test_optin_value_is_three_valued(value: object, text: str) -> None:
    prefill = prefill_from_claims(None, {"newsletter": value, "other": True})

    assert prefill.optin == {"newsletter": text, "other": "1"}


@pytest.mark.parametrize("value", [2, -1, "maybe", [], {}, 0.5])
def test_optin_value_of_another_kind_is_reported(value: object) -> None:
    prefill = prefill_from_claims({"good": "1"}, {"newsletter": value})

    assert prefill.optin == {}
    assert prefill.warnings == ("optin.newsletter: value_unusable",)


@pytest.mark.parametrize(
    ("form", "optin", "warnings"),
    [
        pytest.param(None, None, (), id="absent"),
        pytest.param({}, {}, (), id="empty"),
        pytest.param({"firstname": None}, {"newsletter": None}, (), id="nulls"),
        pytest.param(
            {"a": []}, {"b": "maybe"}, ("form.a: value_unusable", "optin.b: value_unusable"), id="nothing-usable"
        ),
        pytest.param("text", 5, ("form: not_an_object", "optin: not_an_object"), id="no-objects"),
    ],
)
def test_prefill_from_claims_without_usable_keys_is_none_and_says_why(
    form: object, optin: object, warnings: tuple[str, ...]
) -> None:
    assert prefill_from_claims(form, optin) == Prefill(PrefillStatus.NONE, warnings=warnings)


def test_prefill_from_an_answer_has_a_null_opt_in_as_empty_and_what_was_found_has_it_not() -> None:
    answer = PartnerAnswer({"firstname": "Ada"}, {"newsletter": None, "post": "", "phone": False})

    assert prefill_from_answer(answer).optin == {"newsletter": "", "post": "", "phone": "0"}
    assert found_in_answer(answer).optin == {"post": "", "phone": "0"}


def test_prefill_from_an_empty_answer_is_ready() -> None:
    prefill = prefill_from_answer(PartnerAnswer({}, {}))

    assert prefill.status is PrefillStatus.READY
    assert prefill.source is PrefillSource.PARTNER


def test_prefill_shows_no_person_when_printed() -> None:
    prefill = prefill_from_claims({"firstname": "canary"}, {"newsletter": True})

    assert "canary" not in repr(prefill)


def test_url_template_takes_its_values_percent_encoded_and_once() -> None:
    url = expand_url("https://api.example/{campaign_id}/{sub}", "a/b?{campaign_id}&é", "945645")

    assert url == "https://api.example/945645/a%2Fb%3F%7Bcampaign_id%7D%26%C3%A9"


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_prefill_of_any_values_keeps_its_bounds(values: dict[str, object]) -> None:
    prefill = prefill_from_answer(PartnerAnswer(values, values))

    assert len(prefill.form) <= 64
    assert all(len(text) <= 1024 for text in prefill.form.values())
    assert set(prefill.optin.values()) <= {"", "0", "1"}


def test_warnings_beyond_64_are_cut_and_that_is_told() -> None:
    answer = PartnerAnswer({f"k{number}": [] for number in range(30_000)}, {"a b": "1"})

    prefill = prefill_from_answer(answer)

    assert prefill.warnings[63:] == ("form.k63: value_unusable", "too_many_warnings")


def test_earlier_warnings_stand_in_front_and_all_together_are_cut() -> None:
    answer = prefill_from_answer(PartnerAnswer({f"k{number}": [] for number in range(64)}, {}))

    both = with_earlier_warnings(answer, ("form.a: value_unusable",))

    assert with_earlier_warnings(answer, ()) == answer
    assert both.warnings[:2] == ("form.a: value_unusable", "form.k0: value_unusable")
    assert both.warnings[63:] == ("form.k62: value_unusable", "too_many_warnings")
