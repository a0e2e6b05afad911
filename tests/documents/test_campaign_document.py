"""A campaign's document: its defaults, and each rule with the place and the words of its mistake."""

from datetime import timedelta
from typing import Any

import pytest

from app.documents.campaign import parse_campaign_document, to_campaign
from app.domain.campaign import Campaign, FormField, Mode, Screen
from app.reasons import ParticipationReason
from tests.documents.examples import campaign_body, campaign_mistakes

ORIGIN = "This must be an origin as browsers send it: scheme://host[:port], in lower case, no path."
LANGUAGE = "This must be a language tag, such as en or pt-BR (BCP 47)."
REQUIRED = "This member is required."
SCREEN = {"title": "Sorry", "message": "Not today.\nTomorrow?"}


def field(**changes: Any) -> dict[str, Any]:
    return campaign_body(form=[{"name": "firstname", "label": {"en": "First name"}, **changes}])


def test_campaign_document_with_the_least_is_filled_with_every_default() -> None:
    document = parse_campaign_document(campaign_body())

    assert document == {
        "partner_id": "acme",
        "name": "Spring 2027",
        "aliases": [],
        "mode": "required",
        "single_use": False,
        "session_ttl_seconds": 86400,
        "prefill_deadline_seconds": 10,
        "allowed_origins": [],
        "languages": ["en"],
        "screens": {},
        "form": [],
    }


def test_campaign_document_with_a_colour_keeps_it_and_colours_the_campaign() -> None:
    document = parse_campaign_document(campaign_body(colours={"accent": "#6D3bbf"}))

    assert document["colours"] == {"accent": "#6D3bbf"}
    assert to_campaign("spring", 1, document).accent == "#6D3bbf"


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        pytest.param(
            campaign_body(colours={"accent": "red"}),
            {"colours.accent": "This must be a colour as #rrggbb."},
            id="colour",
        ),
        pytest.param({}, {"partner_id": REQUIRED, "name": REQUIRED}, id="nothing"),
        pytest.param(campaign_body(color="red"), {"color": "There is no member of this name."}, id="unknown"),
        pytest.param(
            campaign_body(mode="strict"),
            {"mode": "This must be one of 'required', 'optional' or 'report_only'."},
            id="mode",
        ),
        pytest.param(campaign_body(aliases=[True]), {"aliases[0]": "This must be text."}, id="alias-boolean"),
        pytest.param(
            campaign_body(aliases=["x" * 257]),
            {"aliases[0]": "This must have at most 256 characters."},
            id="alias-long",
        ),
        pytest.param(campaign_body(aliases=[7, "7"]), {"aliases[1]": "This stands here twice."}, id="alias-twice"),
        pytest.param(
            campaign_body(session_ttl_seconds=0), {"session_ttl_seconds": "This must be at least 1."}, id="ttl"
        ),
        pytest.param(
            campaign_body(session_ttl_seconds=60.5), {"session_ttl_seconds": "This must be a whole number."}, id="float"
        ),
        pytest.param(
            campaign_body(prefill_deadline_seconds=301),
            {"prefill_deadline_seconds": "This must be at most 300."},
            id="deadline",
        ),
        pytest.param(campaign_body(allowed_origins=["*"]), {"allowed_origins[0]": ORIGIN}, id="any-origin"),
        pytest.param(
            campaign_body(allowed_origins=["https://a.example/"]), {"allowed_origins[0]": ORIGIN}, id="origin-path"
        ),
        pytest.param(
            campaign_body(allowed_origins=["https://a.example:65536"]), {"allowed_origins[0]": ORIGIN}, id="origin-port"
        ),
        pytest.param(
            campaign_body(allowed_origins=["https://A.example"]), {"allowed_origins[0]": ORIGIN}, id="origin-case"
        ),
        pytest.param(
            campaign_body(allowed_origins=["https://a.example:443"]),
            {"allowed_origins[0]": "Leave the scheme's own port out: browsers do not send it."},
            id="origin-default-port",
        ),
        pytest.param(
            campaign_body(languages=[]), {"languages": "This must have at least 1 entries."}, id="no-language"
        ),
        pytest.param(campaign_body(languages=["english"]), {"languages[0]": LANGUAGE}, id="language"),
        pytest.param(campaign_body(screens={"e": {}}), {"screens.e": LANGUAGE}, id="screen-language"),
        pytest.param(
            campaign_body(screens={"en": {"closed": SCREEN}}),
            {"screens.en.closed": "There is no member of this name."},
            id="screen-reason",
        ),
        pytest.param(
            campaign_body(screens={"en": {"limit_reached": {**SCREEN, "return_url": "javascript:alert(1)"}}}),
            {"screens.en.limit_reached.return_url": "This must be a web address that begins with https:// or http://."},
            id="return-script",
        ),
        pytest.param(
            field(type="password"),
            {
                "form[0].type": "This must be one of 'text', 'email', 'tel', 'url', 'date', 'number', 'checkbox' or"
                " 'textarea'."
            },
            id="field-type",
        ),
        pytest.param(
            field(autocomplete="current-password"),
            {"form[0].autocomplete": "This must be an autofill field name of HTML, such as given-name or email."},
            id="autocomplete",
        ),
        pytest.param(
            field(label={}), {"form[0].label": "This must have at least 1 entries."}, id="field-without-label"
        ),
        pytest.param(
            campaign_body(form=[field()["form"][0]] * 2),
            {"form[1].name": "Two fields have this name."},
            id="field-twice",
        ),
        pytest.param(
            {"name": 5, "mode": "x", "form": [{}]},
            {
                "partner_id": REQUIRED,
                "name": "This must be text.",
                "mode": "This must be one of 'required', 'optional' or 'report_only'.",
                "form[0].name": REQUIRED,
                "form[0].label": REQUIRED,
            },
            id="several",
        ),
    ],
)
def test_campaign_document_with_mistakes_is_refused_there(body: object, mistakes: dict[str, str]) -> None:
    found = campaign_mistakes(body)

    assert found == mistakes


def test_campaign_of_a_full_document_holds_all_that_it_says() -> None:
    body = campaign_body(
        aliases=["channel-uuid", 12],
        mode="optional",
        single_use=True,
        session_ttl_seconds=60,
        prefill_deadline_seconds=5,
        allowed_origins=["https://www.acme.example", "http://localhost:3000", "https://of_old.example:65535"],
        languages=["en", "pt-BR"],
        screens={"en": {"limit_reached": {**SCREEN, "return_url": "https://acme.example/?a=b"}}},
        form=[
            {
                "name": "firstname",
                "label": {"en": "First name"},
                "type": "text",
                "autocomplete": "given-name",
                "required": True,
            }
        ],
    )

    campaign = to_campaign("spring", 2, parse_campaign_document(body))

    assert campaign == Campaign(
        id="spring",
        version=2,
        partner_id="acme",
        name="Spring 2027",
        aliases=frozenset({"channel-uuid", "12"}),
        mode=Mode.OPTIONAL,
        single_use=True,
        session_ttl=timedelta(seconds=60),
        prefill_deadline=timedelta(seconds=5),
        allowed_origins=("https://www.acme.example", "http://localhost:3000", "https://of_old.example:65535"),
        languages=("en", "pt-BR"),
        screens={
            "en": {
                ParticipationReason.LIMIT_REACHED: Screen("Sorry", "Not today.\nTomorrow?", "https://acme.example/?a=b")
            }
        },
        form=(FormField("firstname", {"en": "First name"}, "text", "given-name", required=True),),
    )
