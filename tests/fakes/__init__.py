"""An in-memory twin of each port: the same contract tests run on a twin and on what it stands for."""

from tests.fakes.configuration import MemoryClients, MemoryConfiguration, MemoryDocuments
from tests.fakes.keysets import MemoryKeysets
from tests.fakes.outside import FakeJwks, FakePartnerApi, FixedClock, RecordingHints
from tests.fakes.sessions import MemorySessions
from tests.fakes.upkeep import MemoryAudit, MemoryHousekeeping, MemoryLeases, MemoryLedger, MemorySecrets

__all__ = [
    "FakeJwks",
    "FakePartnerApi",
    "FixedClock",
    "MemoryAudit",
    "MemoryClients",
    "MemoryConfiguration",
    "MemoryDocuments",
    "MemoryHousekeeping",
    "MemoryKeysets",
    "MemoryLeases",
    "MemoryLedger",
    "MemorySecrets",
    "MemorySessions",
    "RecordingHints",
]
