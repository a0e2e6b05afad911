"""A field is filled with what its type can hold, and with nothing that a browser would throw away."""

from dataclasses import replace

import pytest

from app.domain.campaign import FormField
from app.web.field_types import fills
from tests.web.page_stand import CAMPAIGN, READY, Stand, accepted, cookie, page_of, serving, session_with

AGED = replace(CAMPAIGN, form=(FormField("firstname", {"en": "First name"}), FormField("age", {"en": "Age"}, "number")))


async def test_value_that_its_field_cannot_hold_is_neither_on_the_page_nor_told_to_its_script() -> None:
    prefill = replace(READY, form={"firstname": "Ada", "age": "12abc"})
    stand = Stand({"spring": AGED}, session=session_with(accepted(prefill)))

    async with serving(stand) as client:
        answer = await client.get("/c/spring", headers=cookie())
        html, page = await answer.text(), await page_of(answer)
        told = await (await client.get("/c/spring/session", headers=cookie())).json()

    assert page.fields["age"]["value"] == ""
    assert "data-filled" not in page.fields["age"]
    assert "data-filled" in page.fields["firstname"]
    assert "12abc" not in html
    assert told["prefill"]["form"] == {"firstname": "Ada"}


async def test_page_of_values_that_no_field_can_hold_does_not_say_that_it_is_filled() -> None:
    stand = Stand({"spring": AGED}, session=session_with(accepted(replace(READY, form={"age": "many"}, optin={}))))

    async with serving(stand) as client:
        html = await (await client.get("/c/spring", headers=cookie())).text()

    assert 'data-state="none"' in html


@pytest.mark.parametrize(
    ("type_", "value", "is_filled"),
    [
        *(("number", value, True) for value in ("12", "-1.5", ".5", "1e3", "1E-3", "0012")),
        *(("number", value, False) for value in ("12abc", "12.", "+1", "1,5", " 1", "0x1", "1e999", "NaN", "١٢")),
        *(("date", value, True) for value in ("1990-12-10", "2024-02-29")),
        *(("date", value, False) for value in ("10/12/1990", "1990-13-01", "2023-02-29", "19901210", "0000-01-01")),
        *((type_, "Ada", True) for type_ in ("text", "email", "tel", "url", "textarea")),
        *((type_, " \n", False) for type_ in ("text", "email", "tel", "url", "textarea")),
    ],
)
def test_value_fills_a_field_whose_type_can_hold_it(type_: str, value: str, *, is_filled: bool) -> None:
    assert fills(type_, value) is is_filled
