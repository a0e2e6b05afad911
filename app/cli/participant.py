"""`vestibule participant`: what one participant left behind, deleted.

The `sub` comes on standard input: on the command line it would stand in the shell's history and the list of processes.
"""

import sys

import click

from app.cli.output import examples, json_option, remark, show_json
from app.cli.wiring import opened
from app.domain.erasure import erasing_view
from app.domain.shape import MAX_TOKEN_BYTES
from app.errors import Mistake, RequestInvalid
from app.steps.authorize import LOCAL_CALLER


@click.group
def participant() -> None:
    """Delete what a participant left behind."""


@participant.command(
    epilog=examples(
        "echo ada | vestibule participant delete acme", "vestibule participant delete acme --forget-plays < sub.txt"
    )
)
@click.argument("partner_id")
@click.option("--forget-plays", is_flag=True, help="Let the participant play anew: what was played counts no more.")
@json_option
def delete(partner_id: str, *, forget_plays: bool) -> None:
    """Delete the data of the participant whose sub stands in the first line of standard input."""
    if sys.stdin.isatty():
        remark("the participant's sub, then Enter:")
    sub = _sub()
    with opened() as wiring:
        erasing = wiring.erase.begin(partner_id, sub, LOCAL_CALLER, forget_plays=forget_plays)
        while not erasing.is_over:
            erasing = wiring.erase.go_on(erasing)
    if erasing.unjudged or erasing.found.left:
        remark("what is not judged yet, or was just being written, goes within a minute after it is settled")
    show_json(erasing_view(erasing))


def _sub() -> str:
    """Return the first line of standard input, in UTF-8 as tokens are, whatever the terminal speaks."""
    line = sys.stdin.buffer.readline(MAX_TOKEN_BYTES + 1).rstrip(b"\r\n")
    if not line:
        raise RequestInvalid((Mistake("sub", "This must not be empty."),))
    if len(line) > MAX_TOKEN_BYTES:  # a sub is never that long, and its beginning would be somebody else's
        raise RequestInvalid((Mistake("sub", "This is longer than any token."),))
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise RequestInvalid((Mistake("sub", "This must be text, in UTF-8."),)) from None
