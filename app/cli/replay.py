"""`vestibule replay`: trying dead letters again. These commands start and steer; the upkeep process does the work."""

import sys
import threading
from collections.abc import Callable

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.adapters.database.dead_letters import SqlDeadLetters
from app.adapters.database.replays import SqlReplays
from app.cli.letter_filter import filter_options, without_none
from app.cli.output import examples, json_option, remark, show_json, wants_json
from app.cli.wiring import Wiring, opened
from app.documents.replay import DEFAULT_RATE, parse_replay_order
from app.domain.replay import ReplayCommand, ReplayState
from app.steps.authorize import LOCAL_CALLER
from app.steps.replay import ReplayPlan, StartReplay
from app.steps.replay_views import plan_view, progress_view
from app.steps.steer_replay import ReplayProgress, SteerReplays

_LOOK_SECONDS = 0.5

watch_option = click.option("--watch", is_flag=True, help="Stay until it runs no more; on a terminal with a bar.")


@click.group
def replay() -> None:
    """Try dead letters again."""


@replay.command(
    epilog=examples(
        "vestibule replay start --partner acme --dry-run",
        "vestibule replay start --partner acme --error-class timeout --rate 50 --watch",
    )
)
@filter_options
@click.option("--rate", type=float, default=DEFAULT_RATE, show_default=True, help="Dead letters a second.")
@click.option("--force", is_flag=True, help="Take up final classes and expired sessions too.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@watch_option
@json_option
def start(rate: float, *, force: bool, dry_run: bool, watch: bool, **options: str | None) -> None:
    """Start a replay of the dead letters that the options pick; at least one of them must."""
    body = {"filter": without_none(options), "rate_per_second": rate, "force": force, "dry_run": dry_run}
    order = parse_replay_order(body)
    with opened() as wiring:
        letters, replays = SqlDeadLetters(wiring.database), SqlReplays(wiring.database)
        begin = StartReplay(wiring.documents, letters, replays, wiring.audit, wiring.clock)
        plan = begin(order, LOCAL_CALLER)
        _tell(plan)
        if plan.replay_id is None or not watch:
            show_json(plan_view(plan))
        else:
            _watch(wiring, plan.replay_id)


@replay.command(epilog=examples("vestibule replay status rpl_01 --watch"))
@click.argument("replay_id")
@watch_option
@json_option
def status(replay_id: str, *, watch: bool) -> None:
    """Show how far a replay is."""
    with opened() as wiring:
        if watch:
            _watch(wiring, replay_id)
        else:
            show_json(progress_view(_steering(wiring).find(replay_id, LOCAL_CALLER)))


def _command(command: ReplayCommand, text: str) -> click.Command:
    @click.command(command.value, help=text, epilog=examples(f"vestibule replay {command.value} rpl_01"))
    @click.argument("replay_id")
    @json_option
    def steer(replay_id: str) -> None:
        with opened() as wiring:
            steered = _steering(wiring).steer(replay_id, command, LOCAL_CALLER)
        remark(f"replay {replay_id} is {steered.replay.state}")
        show_json(progress_view(steered))

    return steer


replay.add_command(_command(ReplayCommand.PAUSE, "Hold a replay; what it took up already is still called."))
replay.add_command(_command(ReplayCommand.RESUME, "Let a paused replay go on."))
replay.add_command(_command(ReplayCommand.CANCEL, "End a replay; what it did not take up stays dead."))


def _steering(wiring: Wiring) -> SteerReplays:
    return SteerReplays(SqlReplays(wiring.database), wiring.audit, wiring.clock)


def _tell(plan: ReplayPlan) -> None:
    counts = plan.counts
    verb = "would be" if plan.replay_id is None else "are"
    remark(f"{counts.matched} dead letters match, {counts.matched - counts.skipped} {verb} tried again")
    for reason, letters in sorted(counts.by_skip_reason.items()):
        remark(f"  {letters} {verb} passed over: {reason}")


def _watch(wiring: Wiring, replay_id: str) -> None:
    """Follow a replay until it runs no more, then show how it stands."""
    steering = _steering(wiring)
    if wants_json() or not sys.stderr.isatty():
        last = _follow(steering, replay_id, lambda _: None)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(replay_id)

            def draw(now: ReplayProgress) -> None:
                shown = now.replay
                bar.update(task, total=shown.matched, completed=shown.matched - shown.left)

            last = _follow(steering, replay_id, draw)
    show_json(progress_view(last))


def _follow(steering: SteerReplays, replay_id: str, draw: Callable[[ReplayProgress], None]) -> ReplayProgress:
    never = threading.Event()
    while True:
        progress = steering.find(replay_id, LOCAL_CALLER)
        draw(progress)
        if progress.replay.state is not ReplayState.RUNNING:
            return progress
        never.wait(_LOOK_SECONDS)
