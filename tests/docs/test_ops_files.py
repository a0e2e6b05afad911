"""Alerts and dashboard speak of figures that are there, under labels that they have; the handbook names each figure."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from app.adapters.database.clock import DatabaseClock
from app.adapters.database.engine import Database, open_database
from app.adapters.database.migrate import migrate
from app.cli.wiring import opened
from app.domain.breaker import BreakerState
from app.domain.keyset import DroppedKey, KeysetState
from app.domain.session import TokenStatus
from app.management_ports import DocumentKind
from app.settings import Settings
from app.steps.accept import session_ids
from app.steps.authorize import LOCAL_CALLER
from app.web.openapi.pages import SHOW_PAGE
from app.web.openapi.sessions import OPEN_SESSION
from app.web.server import build
from tests.adapters.fetching import open_breaker
from tests.adapters.stores import sql_stores
from tests.architecture.sources import ROOT
from tests.builders import SOURCE, keyset, new_session
from tests.docs.test_guides import anchors_of
from tests.documents.examples import partner_body

HANDBOOK = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
GROUPS = yaml.safe_load((ROOT / "ops" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
DASHBOARD = json.loads((ROOT / "ops" / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    *(pytest.param(rule["expr"], id=rule["alert"]) for rule in ALERTS if rule["alert"] != "VestibuleDown"),
    *(pytest.param(target["expr"], id=panel["title"]) for panel in PANELS for target in panel["targets"]),
]
INTAKE = (OPEN_SESSION.path, SHOW_PAGE.path)
"""Where participants come in: by the API and by a link."""
MATCHER = r'(\w+)(?:=~|!~|!=|=)"([^"]*)"'
SELECTOR = re.compile(rf"\b(vestibule_\w+)(?:\{{((?:{MATCHER},?)+)\}})?")
PROMETHEUS_MAKES = {"le"}

Labels = Mapping[str, Mapping[str, set[str]]]
"""Of each figure its labels, of each label its values."""


@pytest.fixture
async def served(tmp_path: Path) -> Labels:
    """Give the figures that a web process shows when somebody has come and everything is there."""
    settings = Settings(data_dir=tmp_path, port=0, admin_port=0)
    database = open_database(settings.sqlalchemy_url, "test")
    migrate(database)
    _fill(database)
    database.dispose()
    with opened(settings) as wiring:
        wiring.configure.put(DocumentKind.PARTNER, "acme", partner_body(), LOCAL_CALLER)
        wiring.configure.put(DocumentKind.CAMPAIGN, "spring", {"partner_id": "acme", "name": "Spring"}, LOCAL_CALLER)
    process = build(settings)
    admin, public = [f"http://{host}:{port}" for host, port in await process.sites.start()]
    async with ClientSession() as client:
        async with client.post(public + OPEN_SESSION.path.replace("{campaign_id}", "spring"), json={"token": "x"}):
            pass
        async with client.get(admin + "/metrics") as answer:
            text = await answer.text()
    await process.sites.stop()
    await process.close()
    return _labels(text)


def _fill(database: Database) -> None:
    stores, now = sql_stores(database), DatabaseClock(database).now()
    stores.intake.add([new_session(id=id_, received_at=now) for id_ in session_ids(1, now, bytes)], now)
    open_breaker(stores, now=now)
    stores.keysets.ask({SOURCE: frozenset()}, now)
    [claimed] = stores.keyset_queue.claim_due(1, now, now + timedelta(seconds=30))
    dropped = (DroppedKey("weak", "key_too_small"),)
    assert stores.keyset_queue.save(keyset(dropped=dropped), claimed.lease_token or "", now)


def _labels(text: str) -> Labels:
    found: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue  # when counting began; the client adds it to everything that it counts
            labels = found.setdefault(sample.name, defaultdict(set))
            for label, value in sample.labels.items():
                labels[label].add(value)
    return found


def _selected(expression: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for name, matchers, *_ in SELECTOR.findall(expression):
        yield name, re.findall(MATCHER, matchers)


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_expression_selects_figures_that_are_there_by_labels_that_they_have(
    expression: str, served: Labels
) -> None:
    known = {
        "state": {*BreakerState, *KeysetState},
        "verdict": {*TokenStatus},
        "status": {"202", "303", "429", "5.."},
        "route": {*INTAKE},
    }

    selected = list(_selected(expression))

    assert selected
    grouped = {label for labels in re.findall(r"\bby \(([^)]+)\)", expression) for label in labels.split(", ")}
    for name, matchers in selected:
        assert name in served
        assert grouped - PROMETHEUS_MAKES <= served[name].keys()
        for label, values in matchers:
            assert set(values.split("|")) <= known.get(label, served[name][label])


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(expression, id=name)
        for name, expression in (
            *((rule["alert"], rule["expr"]) for rule in ALERTS if rule["alert"] == "VestibuleRefusesParticipants"),
            *(
                (panel["title"], panel["targets"][0]["expr"])
                for panel in PANELS
                if panel["title"] == "Sessions asked for"
            ),
        )
    ],
)
def test_who_is_refused_is_counted_wherever_participants_come_in(expression: str) -> None:
    routes = [
        set(values.split("|"))
        for _, matchers in _selected(expression)
        for label, values in matchers
        if label == "route"
    ]

    assert routes
    assert all(named == {*INTAKE} for named in routes)


async def test_handbook_names_every_figure_and_no_other(served: Labels) -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in served}

    assert set(re.findall(r"`(vestibule_\w+)`", HANDBOOK)) == families


def test_handbook_names_everything_that_is_held_and_nothing_else(served: Labels) -> None:
    [row] = [line for line in HANDBOOK.splitlines() if line.startswith("| `vestibule_held` | `what` |")]
    _, _, _, meaning, _ = row.split("|")

    assert set(re.findall(r"`(\w+)`", meaning)) == served["vestibule_held"]["what"]


def test_dashboard_adds_up_only_what_waits(served: Labels) -> None:
    [panel] = [panel for panel in PANELS if panel["title"] == "Held by web processes"]
    [target] = panel["targets"]

    [(_, [(label, left_out)])] = _selected(target["expr"])

    assert f'what!="{left_out}"' in target["expr"]
    assert served["vestibule_held"][label] - {left_out} == {"commit_queue", "read_queue", "long_polls"}


def test_alert_leads_to_a_place_of_the_handbook() -> None:
    places = [rule["annotations"]["runbook"].partition("#") for rule in ALERTS]

    assert {guide for guide, _, _ in places} == {"docs/operate.md"}
    assert {anchor for _, _, anchor in places} <= anchors_of(HANDBOOK)
    assert {rule["labels"]["severity"] for rule in ALERTS} == {"page", "ticket"}


def test_dashboard_panels_stand_beside_each_other_and_name_themselves() -> None:
    squares = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(squares) == len(set(squares))
    assert max(x for x, _ in squares) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


ERROR_EVENT = re.compile(r"_log\.(?:error|exception)\(\s*\"([a-z_.]+)\"")


def test_handbook_says_of_every_event_that_is_an_error_what_to_do() -> None:
    sources = [path for folder in ("app", "workers") for path in (ROOT / folder).rglob("*.py")]
    section = HANDBOOK.partition("## What the log calls an error")[2].partition("\n## ")[0]

    logged = {event for path in sources for event in ERROR_EVENT.findall(path.read_text(encoding="utf-8"))}

    assert len(logged) > 10
    assert logged <= set(re.findall(r"`([a-z_]+\.[a-z_]+)`", section))
