"""What becomes of views when projectors stop, meet one another, are of other releases, or lose what they rely on."""

import asyncio
from typing import Final

import pytest

from agora.changes import Folded
from agora.decision import Append
from agora.partition import HistoryLost
from agora.portion import Fault, Move, Portion, Shown
from agora.ports import Fenced, Unavailable
from agora.projector import Projector
from agora.topics import ensure_topics
from agora.view import View
from agora.view_store import Superseded, ViewStore
from tests.runtime.counting import COUNTERS, TOTALS, Add, Totalled
from tests.runtime.gallery import Gallery, Line, Title, at_work, foreign, pictures, show, show_titles, titles
from tests.runtime.gate import Gate
from tests.runtime.stores import NOON
from tests.runtime.view_fixtures import gallery, gallery_database

__all__ = ["gallery", "gallery_database"]

EVENTS: Final = 60


class Careless(ViewStore):
    """A database whose connection is lost in every other portion, before or after it was committed."""

    def __init__(self, url: str, *, is_written: bool) -> None:
        super().__init__(url)
        self.is_written = is_written
        self.portions = 0

    async def show(self, portion: Portion) -> list[Fault]:
        self.portions += 1
        is_lost = self.portions % 2 == 1
        if is_lost and not self.is_written:
            raise Unavailable("it was not written")
        refused = await super().show(portion)
        if is_lost:
            raise Unavailable("it was written")
        return refused


class Overtaken(ViewStore):
    """A database in which somebody else shows each first portion before us."""

    portions = 0

    async def show(self, portion: Portion) -> list[Fault]:
        self.portions += 1
        if self.portions == 1:
            await super().show(portion)
        return await super().show(portion)


async def say(gallery: Gallery) -> None:
    """Numbers from 1 on, to three counters."""
    await gallery.say(*(Add(counter="abc"[number % 3], amount=number) for number in range(1, EVENTS + 1)))


async def everything_was_shown_once(gallery: Gallery) -> None:
    amounts = {"abc"[rest]: range(rest or 3, EVENTS + 1, 3) for rest in range(3)}
    assert await gallery.frames() == {
        counter: ("", "untitled", 5 + sum(said), len(said)) for counter, said in amounts.items()
    }
    assert await gallery.lines() == [(counter, amount) for counter in "abc" for amount in amounts[counter]]
    assert await gallery.faults() == []


@pytest.mark.parametrize("is_written", [True, False])
async def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_doubled(gallery: Gallery, *, is_written: bool) -> None:
    await say(gallery)
    projector = gallery.projector(store=Careless(gallery.access.url, is_written=is_written), portion_records_max=20)
    async with at_work(projector):
        await gallery.shown(projector)
    await everything_was_shown_once(gallery)


async def test_a_projector_that_ends_between_portions_is_followed_by_one_that_goes_on(gallery: Gallery) -> None:
    await say(gallery)
    for _ in range(3):
        projector = gallery.projector(portion_records_max=7)
        async with at_work(projector):
            assert await projector.changed.after(0, 20) >= 1
    last = gallery.projector()
    async with at_work(last):
        await gallery.shown(last)
    await everything_was_shown_once(gallery)


async def test_a_second_projector_is_fenced_and_takes_over_when_the_first_is_gone(gallery: Gallery) -> None:
    first, second = (gallery.projector(portion_records_max=7) for _ in range(2))
    async with at_work(second) as working:
        async with at_work(first):
            await say(gallery)
            await gallery.shown(first)
        await everything_was_shown_once(gallery)
        await gallery.say(Totalled(counter="a", total=0, note="second"))
        await gallery.shown(second)
        assert not working.done()
    assert (await gallery.frames())["a"][1] == "second"


async def test_who_is_overtaken_writes_nothing_and_goes_on_from_there(gallery: Gallery) -> None:
    await say(gallery)
    store = Overtaken(gallery.access.url)
    projector = gallery.projector(store=store, portion_records_max=20)
    async with at_work(projector):
        await gallery.shown(projector)
    assert store.portions >= 3
    await everything_was_shown_once(gallery)


async def test_a_view_of_another_version_is_built_anew_while_others_stay_as_they_are(gallery: Gallery) -> None:
    await say(gallery)
    await gallery.say(Totalled(counter="a", total=0), Totalled(counter="a", total=1))
    projector = gallery.projector(pictures(), titles())
    async with at_work(projector):
        await gallery.shown(projector)
    await gallery.people.execute("UPDATE frames SET note = 'old', added = 0")
    await gallery.people.execute("UPDATE titles SET times = 100")
    same = gallery.projector(pictures(), titles())
    async with at_work(same):
        await gallery.say(Totalled(counter="a", total=2))
        await gallery.shown(same)
    assert {frame[0] for frame in (await gallery.frames()).values()} == {"old"}
    newer = gallery.projector(pictures(version=2), titles())
    async with at_work(newer):
        await gallery.shown(newer, version=2)
    assert {counter: frame[0] for counter, frame in (await gallery.frames()).items()} == dict.fromkeys("abc", "")
    assert len(await gallery.lines()) == EVENTS
    assert await gallery.fetch("SELECT times FROM titles") == [(101,)]


async def test_a_view_that_joins_later_is_shown_everything_and_the_others_only_what_is_new(gallery: Gallery) -> None:
    said = [foreign(Add(counter="a", amount=number)) for number in range(5)]
    await gallery.write(COUNTERS.name, *said)
    projector = gallery.projector()
    async with at_work(projector):
        await gallery.shown(projector)
    later = View("titles", {COUNTERS: (Add,)}, show_titles, (Title,))
    both = gallery.projector(pictures(), later)
    async with at_work(both):
        await gallery.write(COUNTERS.name, foreign(Add(counter="a", amount=100)))
        await gallery.shown(both)
        await gallery.shown(both, "titles")
    assert await gallery.fetch("SELECT times FROM titles") == [(6,)]
    assert await gallery.frames() == {"a": ("", "untitled", 5 + sum(range(5)) + 100, 6)}
    assert await gallery.faults() == []


async def test_a_view_is_built_anew_on_request_while_it_is_at_work(gallery: Gallery) -> None:
    await say(gallery)
    projector = gallery.projector()
    async with at_work(projector):
        await gallery.shown(projector)
        await gallery.people.execute("DELETE FROM lines")
        await gallery.people.execute("UPDATE frames SET added = 0")
        await projector.rebuild("pictures")
        await gallery.shown(projector)
    await everything_was_shown_once(gallery)


async def test_a_projector_stops_when_another_release_has_built_its_view_anew(gallery: Gallery) -> None:
    await say(gallery)
    old, new = gallery.projector(), gallery.projector(pictures(version=2))
    async with at_work(old) as working:
        await gallery.shown(old)
        async with at_work(new):
            await gallery.shown(new, version=2)
            await gallery.say(Totalled(counter="a", total=0))
            await gallery.shown(new, version=2)
            await asyncio.wait([working], timeout=20)
        assert isinstance(working.exception(), Superseded)


async def test_a_log_that_ends_before_what_was_shown_is_told_and_a_rebuilt_view_goes_on(gallery: Gallery) -> None:
    await say(gallery)
    projector = gallery.projector()
    async with at_work(projector):
        await gallery.shown(projector)
    await gallery.people.execute("UPDATE view_positions SET next_offset = next_offset + 100")
    after = gallery.projector()
    with pytest.raises(HistoryLost, match="the log was truncated or recreated"):
        await after.run()
    await after.rebuild("pictures")
    async with at_work(after):
        await gallery.shown(after)
    await everything_was_shown_once(gallery)


async def test_a_log_that_is_another_one_is_told(gallery: Gallery, namespace: str) -> None:
    projector = gallery.projector()
    async with at_work(projector):
        await gallery.say(Totalled(counter="a", total=0))
        await gallery.shown(projector)
    gallery.prefix = f"{namespace}other_"
    await ensure_topics(gallery.kafka, [gallery.prefix + stream.name for stream in (COUNTERS, TOTALS)], 2)
    with pytest.raises(HistoryLost, match="was built of the stream"):
        await gallery.projector().run()


async def test_postgresql_may_be_away_for_a_while(gallery: Gallery) -> None:
    async with Gate(gallery.access.url) as gate:
        projector = gallery.projector(store=ViewStore(gate.url))
        async with at_work(projector):
            await say(gallery)
            await gate.open()
            await gallery.shown(projector)
            await gate.shut()
            await gallery.say(Totalled(counter="a", total=0, note=""))
            await gate.open()
            await gallery.shown(projector)
    assert (await gallery.frames())["a"][1] == ""
    assert len(await gallery.lines()) == EVENTS


async def test_a_projector_may_come_before_kafka_and_before_its_topics(gallery: Gallery) -> None:
    gallery.prefix = f"{gallery.prefix}later_"
    async with Gate(gallery.kafka) as gate:
        projector = Projector([pictures()], gate.address, gallery.access.url, gallery.prefix)
        async with at_work(projector):
            await gate.open()
            await ensure_topics(gallery.kafka, [gallery.prefix + stream.name for stream in (COUNTERS, TOTALS)], 2)
            await say(gallery)
            await gallery.shown(projector)
    await everything_was_shown_once(gallery)


async def test_a_portion_that_was_shown_before_is_refused_whole(gallery: Gallery) -> None:
    store = ViewStore(gallery.access.url)
    view = pictures()
    place = (COUNTERS.name, 0)
    await store.positions(view, {place: "log"})
    folded = Folded()
    folded.take([Append(Line("a", 1, 1))])
    move = Move(view.name, view.version, *place, before=0, after=1, shown_at=NOON, heard={"test-0": 1})
    portion = Portion([move], [Shown(view.name, *place, 0, [Append(Line("a", 1, 1))])], folded, [])
    await store.show(portion)
    with pytest.raises(Fenced):
        await store.show(portion)
    await store.close()
    assert await gallery.lines() == [("a", 1)]


def test_two_views_cannot_keep_the_same_rows() -> None:
    other = View("others", {COUNTERS: (Add,)}, show, pictures().rows)
    with pytest.raises(ValueError, match="'frames' is kept by more than one view"):
        Projector([pictures(), other], "", "")
