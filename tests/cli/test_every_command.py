"""Each command there is: help with a sentence and examples that are commands, --json, a place in the guide."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import click
import pytest
from click.testing import CliRunner

from app.cli import main
from app.cli.exits import Exit
from tests.architecture.sources import ROOT


@dataclass(frozen=True, slots=True)
class Named:
    """A command and the words that call it."""

    words: tuple[str, ...]
    command: click.Command

    @property
    def text(self) -> str:
        return " ".join(self.words)


def commands(command: click.Command = main, words: tuple[str, ...] = ()) -> Iterator[Named]:
    """Yield every command that is no group."""
    if not isinstance(command, click.Group):
        yield Named(words, command)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*words, name))


EVERY = [pytest.param(named, id=named.text) for named in commands()]
CONTRACT = """up web migrate doctor
partner put|get|list|pause|resume
campaign put|get|list
client create|list|revoke
token mint|inspect
keys show|refresh|revoke|rotate-master
dead-letters list
replay start|status|pause|resume|cancel
stats purge"""
"""As the interface promises them."""


def promised() -> Iterator[str]:
    for line in CONTRACT.splitlines():
        group, *rest = line.split()
        if (len(rest) == 1 and "|" in rest[0]) or rest == ["list"]:
            yield from (f"{group} {verb}" for verb in rest[0].split("|"))
        else:
            yield from (group, *rest)


def examples_of(named: Named) -> list[str]:
    shown = (named.command.epilog or "").partition("Examples:")[2]
    return [line.strip() for line in shown.splitlines() if "vestibule " in line]


def test_every_promised_command_is_there() -> None:
    assert set(promised()) <= {named.text for named in commands()}


@pytest.mark.parametrize("named", EVERY)
def test_command_tells_in_its_help_what_it_does_and_how(named: Named) -> None:
    shown = CliRunner().invoke(main, [*named.words, "--help"])

    assert shown.exit_code == 0
    assert re.search(r"\n\n  [A-Z].+[.;:]", shown.stdout), shown.stdout
    assert "Examples:\n  " in shown.stdout
    assert [
        option.name for option in named.command.params if isinstance(option, click.Option) and not option.help
    ] == []


@pytest.mark.parametrize("named", EVERY)
def test_command_has_examples_that_call_it(named: Named) -> None:
    call = f"vestibule {named.text}"
    options = {spelling for option in named.command.params for spelling in option.opts}

    called = [line.partition(call)[2] for line in examples_of(named) if call in line]

    assert called
    for rest in called:
        words = shlex.split(re.split(r"[|<>]", rest)[0])
        assert [word for word in words if word.startswith("--") and word not in options] == [], rest


@pytest.mark.parametrize("named", EVERY)
def test_command_answers_with_json_if_it_is_asked_to(named: Named) -> None:
    assert "--json" in {spelling for option in named.command.params for spelling in option.opts}


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        pytest.param("partner get --json", "Missing argument 'PARTNER_ID'.", id="argument-missing"),
        pytest.param("partner get --json --nosuch", "No such option '--nosuch'.", id="option-after-it"),
        pytest.param("partner get --nosuch --json", "No such option '--nosuch'.", id="option-before-it"),
        pytest.param("nosuch --json", "No such command 'nosuch'.", id="command"),
        pytest.param("--nosuch stats --json", "No such option '--nosuch'.", id="option-of-no-command"),
        pytest.param("doctor --sub x --json", "--sub is a participant of a --partner.", id="rule-of-the-command"),
    ],
)
def test_wrong_usage_with_json_is_told_as_json(arguments: str, detail: str) -> None:
    told = CliRunner().invoke(main, arguments.split())

    assert (told.exit_code, told.stdout) == (Exit.USAGE, "")
    assert json.loads(told.stderr) == {"code": "usage_invalid", "detail": detail}


@pytest.mark.parametrize("arguments", ["partner get", "partner get -- a --json"])
def test_wrong_usage_without_json_is_told_as_text(arguments: str) -> None:
    told = CliRunner().invoke(main, arguments.split())

    assert (told.exit_code, told.stdout) == (Exit.USAGE, "")
    assert told.stderr.startswith("Usage: ")


def test_guide_names_every_command_and_every_exit_code() -> None:
    guide = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \|", guide, re.MULTILINE)

    named = set()
    for row in rows:
        first, *rest = (part.split() for part in re.findall(r"`([^`]+)`", row))
        named |= {" ".join(first), *(" ".join([*first[:-1], *verb]) for verb in rest)}

    assert named == {known.text for known in commands()}
    assert [int(code) for code in re.findall(r"^\| (\d) \|", guide, re.MULTILINE)] == [code.value for code in Exit]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["session", "timeline", "\udcff"], id="not-utf-8"),
        pytest.param(["web", "--host", ""], id="every-address"),
    ],
)
def test_argument_that_cannot_be_meant_is_wrong_usage(arguments: list[str]) -> None:
    refused = CliRunner().invoke(main, arguments)

    assert (refused.exit_code, refused.stderr.startswith("Usage: ")) == (2, True)
