"""Tables of the command line: what stands in them is somebody else's text, and all of it is shown."""

import sys

import click
import pytest

from app.cli import main
from app.cli.output import show_table


def test_table_on_a_narrow_terminal_cuts_nothing_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = "ses_01k83topnb2u00bsj1svpu2v2v"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name, value in {"TERM": "dumb", "COLUMNS": "20", "LINES": "25"}.items():
        monkeypatch.setenv(name, value)

    with click.Context(main):
        show_table(("session_id",), [{"session_id": session_id}])

    assert "".join(capsys.readouterr().out.split()) == f"session_id{session_id}"


def test_table_shows_brackets_and_colons_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    name = "Acme [/promo] [bold]spring[/bold] :smile:"

    with click.Context(main):
        show_table(("name",), [{"name": name}])

    assert name in capsys.readouterr().out
