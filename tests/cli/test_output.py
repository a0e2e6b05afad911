"""Tables of the command line: what stands in them is somebody else's text, and all of it is shown."""

import os
import sys

import click
import pytest

from app.cli import main
from app.cli.output import show_table
from app.cli.prefixed import UntilUnread, say_json


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


def test_lines_that_nobody_reads_end_what_prints_them(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stops: list[str] = []

    with os.fdopen(writing, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        say = UntilUnread(say_json, lambda: stops.append("stopped"))
        say("web", "first")
        say("web", "second")

    assert stops == ["stopped"]
