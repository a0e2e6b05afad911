"""An in-memory twin of each port: the same contract tests run on a twin and on what it stands for."""

from tests.fakes.accepted import MemoryAcceptedSessions
from tests.fakes.configuration import ConfiguredByDocuments, MemoryClients, MemoryConfiguration, MemoryDocuments
from tests.fakes.erasures import MemoryErasures
from tests.fakes.fetching import MemoryDeliveryFigures, MemoryFetchQueue, MemoryPartnerHealth
from tests.fakes.keysets import MemoryKeysets
from tests.fakes.outside import FakeJwks, FakePartnerApi, FakeProbe, FixedClock, RecordingHints
from tests.fakes.replays import MemoryReplays
from tests.fakes.sessions import MemorySessions
from tests.fakes.upkeep import (
    MemoryAudit,
    MemoryHousekeeping,
    MemoryKeyPairs,
    MemoryLeases,
    MemoryLedger,
    MemorySecrets,
)
from tests.fakes.void_orders import MemoryVoidOrders

__all__ = [
    "ConfiguredByDocuments",
    "FakeJwks",
    "FakePartnerApi",
    "FakeProbe",
    "FixedClock",
    "MemoryAcceptedSessions",
    "MemoryAudit",
    "MemoryClients",
    "MemoryConfiguration",
    "MemoryDeliveryFigures",
    "MemoryDocuments",
    "MemoryErasures",
    "MemoryFetchQueue",
    "MemoryHousekeeping",
    "MemoryKeyPairs",
    "MemoryKeysets",
    "MemoryLeases",
    "MemoryLedger",
    "MemoryPartnerHealth",
    "MemoryReplays",
    "MemorySecrets",
    "MemorySessions",
    "MemoryVoidOrders",
    "RecordingHints",
]
