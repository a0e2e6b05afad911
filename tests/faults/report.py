"""The report of a run: one line for each account, printed as a table and, where everything ran, written as JSON."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.account import Account
from tests.journey.deployment import ROOT

FILE = ROOT / "artefacts" / "faults.json"
COLUMNS = ("accepted", "terminal_once", "lost", "doubled", "calls", "allowed", "kills")


def table_of(accounts: Sequence[Account], width: int = 160) -> str:
    """Return the table as text, its sums in the last line."""
    table = Table(title="What the faults did", show_footer=True)
    table.add_column("fault", "all", overflow="fold")
    table.add_column("stack")
    for column in COLUMNS:
        total = sum(getattr(account, column) for account in accounts)
        table.add_column(column.replace("_", " "), f"{total:,}", justify="right")
    for account in accounts:
        table.add_row(account.fault, account.stack, *(f"{getattr(account, column):,}" for column in COLUMNS))
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def write_report(accounts: Sequence[Account], path: Path = FILE) -> None:
    """Write the accounts with the machine and the commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    content = {"machine": machine, "commit": commit, "accounts": [account.as_dict() for account in accounts]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
