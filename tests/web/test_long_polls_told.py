"""Who waits is told which sessions have settled; what is not told is found all the same."""

import asyncio
from dataclasses import dataclass, field

from app.loop_ports import Tell
from app.web.long_polls import LATEST_WHERE_TOLD_SECONDS, LOOK_ROWS, LongPolls
from tests.web.page_stand import session_with
from tests.web.settling import Store
from tests.web.stage import eventually
from tests.web.virtual_time import in_virtual_time


@dataclass
class News:
    """Hands on what the test tells, as long as somebody hears it."""

    listeners: list[Tell] = field(default_factory=list)

    @property
    def is_heard(self) -> bool:
        return bool(self.listeners)

    async def hear(self, tell: Tell) -> None:
        self.listeners.append(tell)
        try:
            await asyncio.Event().wait()
        finally:
            self.listeners.remove(tell)

    def tell(self, *ids: str) -> None:
        for listener in self.listeners:
            listener(ids)


def told_polls() -> tuple[Store, News, LongPolls]:
    store, news = Store(), News()
    return store, news, LongPolls(store.look, news)


async def _tell_of_many(store: Store, news: News, polls: LongPolls) -> None:
    """Let so many sessions settle and be told at once that new ones are looked for as late as can be."""
    waits = [polls.begin(f"told-{number}", 60.0, 0.0) for number in range(500)]
    await eventually(lambda: news.is_heard)
    store.settled |= {f"told-{number}": session_with(None) for number in range(500)}
    news.tell(*store.settled)
    await asyncio.gather(*waits)


@in_virtual_time
async def test_news_are_heard_from_the_first_wait_until_the_end() -> None:
    _, news, polls = told_polls()
    heard = [len(news.listeners)]

    waits = [polls.begin(session_id, 60.0, 0.0) for session_id in ("one", "two")]
    await eventually(lambda: news.is_heard)
    heard.append(len(news.listeners))
    polls.close()
    await asyncio.gather(*waits)
    await eventually(lambda: not news.is_heard)

    assert heard == [0, 1]


@in_virtual_time
async def test_session_that_is_told_of_is_loaded_at_once_and_nobody_else() -> None:
    store, news, polls = told_polls()
    await _tell_of_many(store, news, polls)
    store.looks.clear()

    waits, other = polls.begin("one", 60.0, 0.0), polls.begin("other", 60.0, 0.0)
    store.settled["one"] = session_with(None)
    news.tell("one", "of another process")

    assert await asyncio.wait_for(waits, LATEST_WHERE_TOLD_SECONDS / 2) == store.settled["one"]
    assert (store.looks, other.done()) == ([["one"]], False)
    polls.close()


@in_virtual_time
async def test_session_that_was_told_of_before_anybody_waited_is_loaded_at_once() -> None:
    store, news, polls = told_polls()
    await _tell_of_many(store, news, polls)
    store.settled["early"] = session_with(None)
    news.tell("early")

    assert await asyncio.wait_for(polls.begin("early", 60.0, 0.0), LATEST_WHERE_TOLD_SECONDS / 2)


@in_virtual_time
async def test_session_that_is_waited_for_again_after_it_was_told_is_loaded_at_once() -> None:
    store, news, polls = told_polls()
    await _tell_of_many(store, news, polls)

    assert await asyncio.wait_for(polls.begin("told-7", 60.0, 0.0), LATEST_WHERE_TOLD_SECONDS / 2)


@in_virtual_time
async def test_session_that_nobody_tells_of_is_found_and_the_next_ones_sooner() -> None:
    store, news, polls = told_polls()
    await _tell_of_many(store, news, polls)
    now = asyncio.get_running_loop().time
    took = []
    for number in range(100):
        store.settled[f"untold-{number}"] = session_with(None)
        began_at = now()
        await asyncio.wait_for(polls.begin(f"untold-{number}", 60.0, 0.0), 5)
        took.append(now() - began_at)

    assert took[0] >= LATEST_WHERE_TOLD_SECONDS
    assert took[-1] < LATEST_WHERE_TOLD_SECONDS / 4


@in_virtual_time
async def test_what_is_told_while_others_are_loaded_is_loaded_after_them() -> None:
    store, news, polls = told_polls()
    await _tell_of_many(store, news, polls)
    store.looks.clear()
    ids = [f"session-{number}" for number in range(LOOK_ROWS + 2)]
    waits = [polls.begin(id_, 60.0, 0.0) for id_ in ids]
    store.settled |= {id_: session_with(None) for id_ in ids}

    news.tell(*ids[:-1])
    news.tell(ids[-1])
    await asyncio.wait_for(asyncio.gather(*waits), LATEST_WHERE_TOLD_SECONDS / 2)

    assert [len(ids) for ids in store.looks] == [LOOK_ROWS, 2]
