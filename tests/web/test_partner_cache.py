"""Partners as they were a moment ago."""

from dataclasses import dataclass, field

import pytest

from app.ports import Configuration
from app.web import partner_cache
from app.web.partner_cache import PartnerCache
from tests.builders import campaign, partner
from tests.fakes import MemoryConfiguration

ACME, GLOBEX, NOBODY = (frozenset({id_}) for id_ in ("acme", "globex", "nobody"))
NONE: frozenset[str] = frozenset()


@dataclass(slots=True)
class World:
    source: MemoryConfiguration = field(
        default_factory=lambda: MemoryConfiguration.of(partner(), partner(id="globex"), campaign())
    )
    asked: list[frozenset[str]] = field(default_factory=list)
    tick: float = 100.0
    cache: PartnerCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = PartnerCache(self, lambda: self.tick)

    def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
        self.asked.append(partner_ids)
        return self.source.load(campaign_ids, partner_ids)


@pytest.fixture
def world() -> World:
    return World()


def test_partner_is_asked_for_once_a_second(world: World) -> None:
    first = world.cache.load(NONE, ACME)
    world.tick += 0.99
    second = world.cache.load(NONE, ACME)
    world.tick += 0.01
    third = world.cache.load(NONE, ACME)

    assert first == second == third == Configuration(partners={"acme": partner()})
    assert world.asked == [ACME, ACME]


def test_partner_that_is_not_known_is_asked_for_alone(world: World) -> None:
    world.cache.load(NONE, ACME)

    loaded = world.cache.load(NONE, ACME | GLOBEX)

    assert set(loaded.partners) == {"acme", "globex"}
    assert world.asked == [ACME, GLOBEX]


def test_partner_that_does_not_exist_is_asked_for_each_time(world: World) -> None:
    loaded = [world.cache.load(NONE, NOBODY).partners for _ in range(2)]

    assert loaded == [{}, {}]
    assert world.asked == [NOBODY, NOBODY]


def test_partner_that_was_changed_here_is_asked_for_at_once(world: World) -> None:
    world.cache.load(NONE, ACME)
    world.source.partners["acme"] = partner(version=2)

    world.cache.invalidate()

    assert world.cache.load(NONE, ACME).partners["acme"].version == 2


def test_partner_that_is_changed_while_it_is_loaded_is_not_remembered() -> None:
    @dataclass(slots=True)
    class ChangedMeanwhile(World):
        def load(self, campaign_ids: frozenset[str], partner_ids: frozenset[str]) -> Configuration:
            loaded = World.load(self, campaign_ids, partner_ids)
            self.cache.invalidate()
            return loaded

    world = ChangedMeanwhile()

    for _ in range(2):
        world.cache.load(NONE, ACME)

    assert world.asked == [ACME, ACME]


def test_partners_beyond_the_bound_push_the_others_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner_cache, "MAX_KNOWN", 1)

    for wanted in (ACME, GLOBEX, GLOBEX, ACME):
        world.cache.load(NONE, wanted)

    assert world.asked == [ACME, GLOBEX, ACME]


def test_campaigns_are_passed_through(world: World) -> None:
    world.cache.load(NONE, ACME)

    loaded = world.cache.load(frozenset({"945645"}), ACME)

    assert (set(loaded.campaigns), set(loaded.partners)) == ({"945645"}, {"acme"})
