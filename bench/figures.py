"""The figures of a run: each beside its goal, as a table and as JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `goal` None marks a floor, which is only measured."""

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


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table("figure", "value", "goal", "unit", "")
    for figure in figures:
        sign = "≤" if figure.at_most else "≥"
        goal = "" if figure.goal is None else f"{sign} {figure.goal:g}"
        verdict = "" if figure.goal is None else ("ok" if figure.is_met else "missed")
        table.add_row(figure.name, f"{figure.value:,.2f}", goal, figure.unit, verdict)
    Console().print(table)


def save(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures with the machine and the commit."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    document = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "commit": commit,
        "figures": [{**asdict(figure), "ok": figure.is_met} for figure in figures],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
