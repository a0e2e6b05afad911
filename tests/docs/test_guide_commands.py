"""Every `vestibule …` that a guide names is a command, and one that it gives arguments is understood as it stands."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from app.cli import main
from app.documents.replay import parse_replay_order
from tests.architecture.sources import ROOT

GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = re.compile(r"^```[^\n]*\n(.*?)^```$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"(?:^|[\s(])(?:\.venv/bin/)?vestibule ([a-z-]+[^\n|<>)&;]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command and what it was given."""

    command: click.Command
    parameters: dict[str, object]


def calls_in(text: str) -> list[str]:
    return [call.strip() for code in CODE.findall(text) for call in CALL.findall("".join(code))]


def parse(call: str) -> Parsed:
    """Return what a call means; raise click.UsageError for one that is refused. A command alone is only named."""
    words = shlex.split(call)
    command: click.Command = main
    above = click.Context(command)
    while isinstance(command, click.Group) and words:
        name, *words = words
        found = command.get_command(above, name)
        if found is None:
            raise click.UsageError(f"there is no command {name}")
        command = found
    if not words:
        return Parsed(command, {})
    for word in words:
        if re.fullmatch(r"\w+\.\w+", word):
            Path(word).touch()  # a file that the command opens
    with command.make_context(call, words) as context:  # which closes those files
        return Parsed(command, context.params)


EVERY = [pytest.param(call, id=f"{guide.name}-{call}") for guide in GUIDES for call in calls_in(guide.read_text())]


@pytest.mark.parametrize("call", EVERY)
def test_command_that_a_guide_names_is_understood(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    parsed = parse(call)

    if call.startswith("replay start "):  # what the options pick is looked at after they were parsed
        picked = {name: parsed.parameters[name] for name in ("partner_id", "campaign_id", "error_class")}
        order = parse_replay_order({"filter": {name: value for name, value in picked.items() if value is not None}})
        assert not order.filter.is_empty


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("no-such", id="unknown"),
        pytest.param("keys no-such", id="unknown-of-a-group"),
        pytest.param("partner pause --now", id="no-such-option"),
        pytest.param("token inspect --campaign", id="option-without-its-value"),
        pytest.param("partner pause one two", id="one-argument-too-many"),
    ],
)
def test_command_that_would_be_refused_is_found(call: str) -> None:
    with pytest.raises(click.UsageError):
        parse(call)


def test_commands_are_found_in_blocks_spans_and_substitutions() -> None:
    text = "`vestibule stats`\n```sh\nTOKEN=$(.venv/bin/vestibule token mint)\n.venv/bin/vestibule doctor | cat\n```\n"

    assert calls_in(text) == ["stats", "token mint", "doctor"]
