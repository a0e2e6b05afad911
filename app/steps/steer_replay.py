"""Look at replays and steer them: pause, resume, cancel. What a caller may not see does not exist for it."""

from dataclasses import dataclass

from app.domain.replay import Replay, ReplayCommand, steered
from app.domain.session import Stage
from app.errors import ReplayActive, ReplayOver, ReplayUnknown
from app.management_ports import AuditLog, ReplayStore
from app.ports import Clock
from app.steps.authorize import Caller

_TRIES = 3


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """A replay, and what became of the sessions that it was the last to take up."""

    replay: Replay
    waiting: int
    done: int
    dead: int


@dataclass(frozen=True, slots=True)
class SteerReplays:
    """Finds replays and changes their state."""

    replays: ReplayStore
    audit: AuditLog
    clock: Clock

    def find(self, replay_id: str, caller: Caller) -> ReplayProgress:
        """Return how far a replay is; raise ReplayUnknown."""
        return self._progress(self._find(replay_id, caller))

    def steer(self, replay_id: str, command: ReplayCommand, caller: Caller) -> ReplayProgress:
        """Obey `command` and return how far the replay is; raise ReplayUnknown or ReplayOver.

        A command that changes nothing (a second pause) is obeyed too.
        """
        for _ in range(_TRIES):
            replay = self._find(replay_id, caller)
            now = self.clock.now()
            after = steered(replay, command, now)
            if after is None:
                raise ReplayOver
            if after is replay:
                return self._progress(replay)
            action = f"replay.{after.state}" if command is not ReplayCommand.RESUME else "replay.resumed"
            with self.audit.together():
                is_changed = self.replays.change(after, replay.state)
                if is_changed:
                    self.audit.add(caller.did(action, replay_id, now, partner_id=replay.partner_id or None))
            if is_changed:
                return self._progress(after)
        raise ReplayActive("Somebody else is steering this replay.")

    def _find(self, replay_id: str, caller: Caller) -> Replay:
        replay = self.replays.find(replay_id)
        if replay is None or not caller.sees(replay.partner_id):
            raise ReplayUnknown
        return replay

    def _progress(self, replay: Replay) -> ReplayProgress:
        stages = self.replays.count_stages(replay.id)
        return ReplayProgress(
            replay,
            waiting=stages.get(Stage.FETCH, 0),
            done=stages.get(Stage.DONE, 0),
            dead=stages.get(Stage.DEAD, 0),
        )
