"""The figures of a run as they are written, plotted, and worked into the guide."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.capacity import BEGIN, END, GUIDE, Costs, update_guide
from bench.figures import Figure, Run, save
from bench.plots import draw

COST = Costs(
    {"web": 200.0, "verify": 100.0, "postgresql": 50.0, "redis": 2.0},
    call_micros=700.0,
    log_bytes=3_000.0,
    stored_bytes=2_000.0,
    commands=0.5,
)


FIGURES = [
    Figure("floor: POST answered with a constant", 50, "µs CPU"),
    Figure("CPU per participant: postgresql", 50, "µs CPU"),
    Figure("CPU per participant: redis", 2, "µs CPU"),
    Figure("CPU per participant: web", 200, "µs CPU"),
    Figure("CPU per participant: verify", 100, "µs CPU"),
    Figure("participants per second", 2_000, "1/s"),
    Figure("log written by PostgreSQL, per participant", 3_000, "bytes"),
    Figure("Redis commands, per participant", 0.5, "1"),
    Figure("POST 202, p99, at 70 % of saturation", 20, "ms", 25, at_most=True),
    Figure("peer (a) inline: participants per second", 500, "1/s"),
    Figure("peer (a) inline: CPU per participant: web", 2_000, "µs CPU"),
    Figure("bytes on disk for one stored session, indexes included", 2_000, "bytes"),
    Figure("CPU per prefill call: fetch", 700, "µs CPU"),
]


def _run(scale: str = "full", *more: Figure) -> Run:
    return Run(scale, "a machine of 2 cores", "0123456789abcdef", [*FIGURES, *more])


@pytest.mark.parametrize(
    ("value", "at_most", "is_met"),
    [
        pytest.param(3, True, True, id="at-most-reached"),
        pytest.param(3.1, True, False, id="at-most-missed"),
        pytest.param(3, False, True, id="at-least-reached"),
        pytest.param(2.9, False, False, id="at-least-missed"),
    ],
)
def test_figure_beside_its_goal_is_met_or_missed(value: float, at_most: bool, is_met: bool) -> None:
    assert Figure("ratio", value, "ratio", 3, at_most=at_most).is_met is is_met


def test_saved_run_holds_scale_machine_commit_and_figures_of_five_members(tmp_path: Path) -> None:
    figures = [Figure("POST", 24.0, "ms", 25, at_most=True), Figure("floor", 1.5, "µs CPU")]
    save(Run.of("quick", figures), tmp_path / "latest.json")

    saved = json.loads((tmp_path / "latest.json").read_text())

    assert set(saved) == {"scale", "machine", "commit", "figures"}
    assert saved["scale"] == "quick"
    assert saved["figures"] == [
        {"name": "POST", "value": 24.0, "goal": 25, "unit": "ms", "ok": True},
        {"name": "floor", "value": 1.5, "goal": None, "unit": "µs CPU", "ok": True},
    ]


def test_plots_of_a_run_are_well_formed_and_show_each_value(tmp_path: Path) -> None:
    written = draw(FIGURES, tmp_path)

    texts = {path.stem: "".join(ET.fromstring(path.read_text()).itertext()) for path in written}  # noqa: S314 - ours
    assert set(texts) == {"throughput", "latency", "cost"}
    assert "Vestibule" in texts["throughput"]
    assert "peer (a) inline" in texts["throughput"]
    assert "352 µs" in texts["cost"]


def test_plots_of_a_part_of_a_run_are_only_those_with_figures(tmp_path: Path) -> None:
    written = draw([Figure("participants per second", 10, "1/s")], tmp_path)

    assert [path.name for path in written] == ["throughput.svg"]


def test_cores_for_a_rate_are_its_cpu_at_seventy_percent() -> None:
    assert COST.cores("web", 7_000) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("call_micros", "fetchers"), [pytest.param(100.0, 10, id="calls"), pytest.param(1_400.0, 20, id="cpu")]
)
def test_fetch_processes_are_counted_by_calls_or_cpu_whichever_is_more(call_micros: float, fetchers: int) -> None:
    costs = Costs(COST.micros, call_micros, 0, 0, 0)

    assert costs.fetchers(10_000) == fetchers


def test_guide_is_rewritten_between_its_marks_alone(tmp_path: Path) -> None:
    guide = tmp_path / "capacity.md"
    guide.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    is_written = update_guide(_run(), guide)

    text = guide.read_text()
    assert is_written
    assert text.startswith(f"before\n{BEGIN}")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| `web` processes | 1 | 3 | 29 |" in text
    assert "| PostgreSQL, connections | 34 | 142 | 1,330 |" in text


def test_guide_tells_what_its_figures_were_measured_with_and_which_goals_were_missed(tmp_path: Path) -> None:
    guide = tmp_path / "capacity.md"
    guide.write_text(f"{BEGIN}\nold\n{END}\n")

    update_guide(_run("full", Figure("POST → ready, p50", 41.5, "ms", 30, at_most=True)), guide)

    text = guide.read_text()
    assert "From a full run on a machine of 2 cores; commit `0123456`." in text
    assert re.findall(r"^\| (.+) \| .+ \| [≤≥] .+ \|$", text, re.MULTILINE) == ["POST → ready, p50"]
    assert "| POST → ready, p50 | 41.50 ms | ≤ 30 |" in text


def test_guide_of_a_run_that_missed_no_goal_says_so(tmp_path: Path) -> None:
    guide = tmp_path / "capacity.md"
    guide.write_text(f"{BEGIN}\nold\n{END}\n")

    update_guide(_run(), guide)

    assert "This run met every goal." in guide.read_text()


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(_run("quick"), id="quick"),
        pytest.param(replace(_run(), figures=FIGURES[:5]), id="without-the-figures-for-it"),
    ],
)
def test_guide_stays_as_it_is_after_a_run_that_does_not_suffice(run: Run, tmp_path: Path) -> None:
    guide = tmp_path / "capacity.md"
    guide.write_text(f"{BEGIN}\nold\n{END}\n")

    assert not update_guide(run, guide)
    assert "old" in guide.read_text()


def test_guide_of_the_project_has_both_marks() -> None:
    text = GUIDE.read_text(encoding="utf-8")

    assert text.index(BEGIN) < text.index(END)
