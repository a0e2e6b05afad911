"""The embed's guide names the events that the scripts tell, and asks of a policy what the demo partner lives with."""

import re

from app.demo.pages import policy_for
from app.web.embed_scripts import load_minisite, load_tag
from app.web.openapi.embed import SERVE_MINISITE, SERVE_TAG
from tests.architecture.sources import ROOT

GUIDE = (ROOT / "docs" / "embed.md").read_text(encoding="utf-8")
SERVICE = "https://HOST"


def test_embed_guide_names_the_events_that_the_tag_tells_and_no_other() -> None:
    (states,) = re.findall(r"^const STATES = \[(.*)\];$", load_tag().plain.decode(), re.MULTILINE)
    told = {*re.findall(r'"(\w+)"', states), "resize"}

    assert set(re.findall(r"^\| `vestibule:(\w+)`", GUIDE, re.MULTILINE)) == told


def test_embed_guide_names_the_attributes_that_the_minisite_script_reads() -> None:
    read = {name.lower() for name in re.findall(r"dataset\.vestibule([A-Z]\w+)", load_minisite().plain.decode())}

    assert read == set(re.findall(r"^\| `data-vestibule-(\w+)`", GUIDE, re.MULTILINE))


def test_embed_guide_includes_scripts_that_are_served() -> None:
    included = set(re.findall(rf'src="{SERVICE}(/[^"]+)"', GUIDE))

    assert included == {SERVE_TAG.path, SERVE_MINISITE.path}


def test_embed_guide_asks_of_a_policy_what_the_demo_partners_pages_allow_and_no_more() -> None:
    (asked,) = re.findall(r"^script-src .*$", GUIDE, re.MULTILINE)
    allowed = policy_for(SERVICE, "NONCE").split("; ")

    wanted = dict(directive.split(" ", 1) for directive in asked.split("; "))
    given = {name: sources for name, _, sources in (directive.partition(" ") for directive in allowed)}
    for name, source in wanted.items():
        assert set(given[name].split()) - {"'self'", "'nonce-NONCE'"} == {source}, name
    assert not [name for name, sources in given.items() if SERVICE in sources and name not in wanted]
