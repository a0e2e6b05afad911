"""Plots of a run as SVG, drawn from its figures by name: throughput, latency, the split of the cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from bench.figures import Figure

_WIDTH: Final = 860
_LABELS: Final = 250
_VALUES: Final = 110
_ROW: Final = 34
_TOP: Final = 48
_LEGEND: Final = 36
_COLOURS: Final = (
    "#2f6f9f",
    "#e08a3c",
    "#4f9d69",
    "#b5527a",
    "#8a7cc2",
    "#8c8c8c",
    "#c2b23c",
    "#5bb0b5",
    "#1f3a5f",
    "#7a4a1d",
    "#a8d08d",
    "#d96c6c",
    "#3d3d3d",
)
_FONT: Final = "font-family='system-ui, sans-serif' font-size='13'"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; its parts stand beside each other and have their colour by name. `mark` is the goal."""

    label: str
    parts: Mapping[str, float]
    mark: float | None = None

    @property
    def total(self) -> float:
        """Return its length."""
        return sum(self.parts.values())


def draw(figures: Sequence[Figure], folder: Path) -> list[Path]:
    """Write those plots that the figures suffice for, and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = {
        "throughput": ("Participants per second, same machine, same run", "1/s", _throughput(figures)),
        "latency": ("Latency at 70 % of saturation, open loop (the line is the goal)", "ms", _latency(figures)),
        "cost": ("CPU per participant, all server processes", "µs", _cost(figures)),
    }
    written = []
    for name, (title, unit, bars) in plots.items():
        if bars:
            path = folder / f"{name}.svg"
            path.write_text(_svg(title, unit, bars), encoding="utf-8")
            written.append(path)
    return written


def _throughput(figures: Sequence[Figure]) -> list[Bar]:
    name = "participants per second"
    return [
        Bar(figure.name.removesuffix(f": {name}") if figure.name != name else "Vestibule", {"": figure.value})
        for figure in figures
        if figure.name == name or figure.name.endswith(f": {name}")
    ]


def _latency(figures: Sequence[Figure]) -> list[Bar]:
    return [
        Bar(figure.name.split(", at 70")[0].split(", same")[0], {"": figure.value}, figure.goal)
        for figure in figures
        if figure.unit == "ms" and (", at 70 %" in figure.name or ", same load" in figure.name)
    ]


def _cost(figures: Sequence[Figure]) -> list[Bar]:
    floors = _parts(figures, "floor: ")
    bars = [Bar("floor", floors)] if floors else []
    for label, prefix in (("Vestibule", ""), *((name, f"{name}: ") for name in _peer_names(figures))):
        parts = _parts(figures, f"{prefix}CPU per participant: ")
        if parts:
            bars.append(Bar(label, parts))
    return bars


def _peer_names(figures: Sequence[Figure]) -> list[str]:
    suffix = ": participants per second"
    return [figure.name.removesuffix(suffix) for figure in figures if figure.name.endswith(suffix)]


def _parts(figures: Sequence[Figure], prefix: str) -> dict[str, float]:
    return {figure.name.removeprefix(prefix): figure.value for figure in figures if figure.name.startswith(prefix)}


def _svg(title: str, unit: str, bars: Sequence[Bar]) -> str:
    names = list(dict.fromkeys(name for bar in bars for name in bar.parts if name))
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(names)} or {"": _COLOURS[0]}
    legend_rows = -(-len(names) // 2)
    height = _TOP + _ROW * len(bars) + _LEGEND * bool(names) + 20 * legend_rows
    longest = max(max(bar.total, bar.mark or 0.0) for bar in bars) or 1.0
    scale = (_WIDTH - _LABELS - _VALUES) / longest
    rows = [_row(bar, _TOP + _ROW * number, scale, unit, colours) for number, bar in enumerate(bars)]
    legend = [_entry(name, number, height - 20 * legend_rows, colours) for number, name in enumerate(names)]
    return "\n".join(
        (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' {_FONT}>",
            f"<rect width='{_WIDTH}' height='{height}' fill='#ffffff'/>",
            f"<text x='12' y='26' font-size='16' font-weight='600'>{escape(title)}</text>",
            *rows,
            *legend,
            "</svg>\n",
        )
    )


def _row(bar: Bar, top: int, scale: float, unit: str, colours: Mapping[str, str]) -> str:
    drawn, x = [], float(_LABELS)
    for name, value in bar.parts.items():
        width = value * scale
        drawn.append(f"<rect x='{x:.1f}' y='{top}' width='{width:.1f}' height='{_ROW - 10}' fill='{colours[name]}'/>")
        x += width
    if bar.mark is not None:
        at = _LABELS + bar.mark * scale
        drawn.append(f"<rect x='{at - 1:.1f}' y='{top - 4}' width='2' height='{_ROW - 2}' fill='#c00000'/>")
    label = f"<text x='{_LABELS - 10}' y='{top + 17}' text-anchor='end'>{escape(bar.label)}</text>"
    number = f"<text x='{max(x, 0) + 8:.1f}' y='{top + 17}'>{bar.total:,.4g} {unit}</text>"
    return "".join((label, *drawn, number))


def _entry(name: str, number: int, top: int, colours: Mapping[str, str]) -> str:
    x, y = 12 + (number % 2) * (_WIDTH // 2), top + 20 * (number // 2)
    square = f"<rect x='{x}' y='{y}' width='12' height='12' fill='{colours[name]}'/>"
    return f"{square}<text x='{x + 18}' y='{y + 11}'>{escape(name)}</text>"
