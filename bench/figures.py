"""The figures of a run: each beside its goal, as a table and as JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `goal` None marks one that is only measured."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Tell whether the value meets its goal."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of one run, and what they were measured with: the scale's name, the machine, the commit."""

    scale: str
    machine: str
    commit: str
    figures: Sequence[Figure]

    @classmethod
    def of(cls, scale: str, figures: Sequence[Figure]) -> Self:
        """Return the run that was made here and now."""
        return cls(scale, _machine(), _commit(), figures)


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table("figure", "value", "goal", "unit", "")
    for figure in figures:
        goal = told_goal(figure)
        verdict = "" if figure.goal is None else ("[green]ok[/]" if figure.is_met else "[red]missed[/]")
        table.add_row(figure.name, f"{figure.value:,.2f}", goal, figure.unit, verdict)
    Console(width=120).print(table)


def told_goal(figure: Figure) -> str:
    """Return the goal with its sign; nothing where there is none."""
    return "" if figure.goal is None else f"{'≤' if figure.at_most else '≥'} {figure.goal:,g}"


def save(run: Run, path: Path) -> None:
    """Write the figures with the scale, the machine and the commit."""
    entries = [
        {
            "name": figure.name,
            "value": round(figure.value, 4),
            "goal": figure.goal,
            "unit": figure.unit,
            "ok": figure.is_met,
        }
        for figure in run.figures
    ]
    document = {"scale": run.scale, "machine": run.machine, "commit": run.commit, "figures": entries}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{model}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()

    changed = "+changes" if git("status", "--porcelain", "--", "app", "workers", "bench/*.py") else ""
    return git("rev-parse", "HEAD") + changed
