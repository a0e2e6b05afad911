"""What one fault did to those who were promised something: counted by the ledger, never by the service."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from tests.faults.terminal_moves import count_terminal_moves
from tests.journey.crowd import Crowd, assert_promises_kept
from tests.journey.deployment import Deployment
from tests.journey.scene import Stage


@dataclass(frozen=True, slots=True)
class Account:
    """One line of the report; `calls` are those that the partner double saw, `allowed` those of the policy."""

    fault: str
    stack: str
    accepted: int
    terminal_once: int
    lost: int
    doubled: int
    calls: int
    allowed: int
    kills: int

    def as_dict(self) -> dict[str, object]:
        """Return the members by name."""
        return asdict(self)

    def assert_clean(self) -> None:
        """Check that every session is terminal exactly once, and that nobody was called more often than allowed."""
        assert (self.lost, self.doubled) == (0, 0), self
        assert self.terminal_once == self.accepted > 0, self
        assert self.calls <= self.allowed, self


@dataclass(slots=True)
class Judge:
    """Closes the accounts of one test, named by its fault, and hands each to the report."""

    fault: str
    report: Callable[[Account], None]
    closed: list[Account] = field(default_factory=list)

    def close_crowd(self, stage: Stage, arrived: Crowd, most_calls: int) -> None:
        """Wait for the ends of a crowd's sessions and check them; each person took `most_calls` calls at most."""
        assert_promises_kept(stage, arrived, most_calls)
        fetched = [sub for _, kind, sub in arrived.promised.values() if kind == "fetched"]
        calls = sum(len(arrived.scene.endpoint.calls[sub]) for sub in fetched)
        self.close(stage.name, stage.deployment, list(arrived.promised), calls, len(fetched) * most_calls)

    def close(self, stack: str, deployment: Deployment, ids: list[str], calls: int, allowed: int) -> None:
        """Count what became of the promised sessions `ids`, all of which should be terminal, and check it."""
        moves = count_terminal_moves(deployment, ids).values()
        once, lost = sum(count == 1 for count in moves), sum(count == 0 for count in moves)
        doubled = len(ids) - once - lost
        kills, deployment.kills = deployment.kills, 0
        account = Account(self.fault, stack, len(ids), once, lost, doubled, calls, allowed, kills)
        self.closed.append(account)
        self.report(account)
        account.assert_clean()
