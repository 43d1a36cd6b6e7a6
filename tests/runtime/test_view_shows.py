"""What views show of the log, on a real Kafka and PostgreSQL."""

import asyncio

import pytest

from agora import view_store
from agora.portion import Fault, Portion
from agora.view_store import ViewStore
from tests.runtime.counting import COUNTERS, Add, Clear, Totalled
from tests.runtime.gallery import LINE_MAX, UNLUCKY, Gallery, at_work, foreign, pictures, titles
from tests.runtime.kafka_reader import Raw
from tests.runtime.view_fixtures import gallery, gallery_database

__all__ = ["gallery", "gallery_database"]


class Stuck(ViewStore):
    """A database that takes a portion and never answers."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reached = asyncio.Event()

    async def show(self, portion: Portion) -> list[Fault]:
        del portion
        self.reached.set()
        await asyncio.Event().wait()
        return []


def add(counter: str, amount: int, note: str = "") -> Add:
    return Add(counter=counter, amount=amount, note=note)


def totalled(counter: str, note: str = "") -> Totalled:
    return Totalled(counter=counter, total=0, note=note)


async def test_a_view_shows_what_it_was_told_on_several_streams_in_the_order_of_each(gallery: Gallery) -> None:
    await gallery.say(add("a", 1, "first"), add("b", 2), add("a", 3, "last"))
    await gallery.say(totalled("a", "old"), totalled("a", "new"), totalled("c", "alone"))
    projector = gallery.projector()
    async with at_work(projector):
        await gallery.shown(projector)
        assert await gallery.frames() == {
            "a": ("last", "new", 5 + 1 + 3, 2),
            "b": ("", "untitled", 5 + 2, 1),
            "c": (None, "alone", 5, None),
        }
        await gallery.say(add("a", 4, "later"), totalled("b", "named"))
        await gallery.shown(projector)
    assert await gallery.lines() == [("a", 1), ("a", 3), ("a", 4), ("b", 2)]
    assert await gallery.frames() == {
        "a": ("later", "new", 5 + 1 + 3 + 4, 3),
        "b": ("", "named", 5 + 2, 1),
        "c": (None, "alone", 5, None),
    }
    assert await gallery.faults() == []


async def test_a_record_told_twice_counts_once(gallery: Gallery) -> None:
    first, second = gallery.sealed(add("a", 1)), gallery.sealed(add("a", 2))
    await gallery.write(COUNTERS.name, first, second)
    projector = gallery.projector()
    async with at_work(projector):
        await gallery.shown(projector)
        await gallery.write(COUNTERS.name, first, second, gallery.sealed(add("a", 4)), second)
        await gallery.shown(projector)
        await gallery.write(COUNTERS.name, gallery.sealed(add("a", 16), "test-1", 100))
        await gallery.shown(projector)
    async with at_work(again := gallery.projector()):
        await gallery.write(COUNTERS.name, first, second, gallery.sealed(add("a", 8)))
        await gallery.shown(again)
    assert await gallery.frames() == {"a": ("", "untitled", 5 + 1 + 2 + 4 + 16 + 8, 5)}
    assert await gallery.faults() == []


async def test_a_producer_that_numbers_nothing_is_heard_once_per_record(gallery: Gallery) -> None:
    said = foreign(add("a", 1))
    await gallery.write(COUNTERS.name, said, said)
    for projector in (gallery.projector(), gallery.projector()):
        async with at_work(projector):
            await gallery.shown(projector)
            await gallery.say(totalled("a"))
            await gallery.shown(projector)
    assert await gallery.frames() == {"a": ("", "", 5 + 1 + 1, 2)}


async def test_an_event_that_cannot_be_shown_is_kept_and_the_view_goes_on(gallery: Gallery) -> None:
    await gallery.say(add("a", 1), add("a", UNLUCKY), add("a", 2))
    await gallery.write(COUNTERS.name, Raw(b"a", b"no event"), gallery.sealed(add("a", LINE_MAX + 1)))
    await gallery.say(*(add("a", 1) for _ in range(20)), add("b", 3, "a NUL \x00"), add("a", LINE_MAX + 2), add("c", 4))
    projector = gallery.projector(pictures(), titles())
    async with at_work(projector):
        await gallery.shown(projector)
    assert await gallery.frames() == {
        "a": ("", "untitled", 5 + 1 + 2 + 20, 22),
        "c": ("", "untitled", 5 + 4, 1),
    }
    assert len(await gallery.lines()) == 22 + 1
    reasons = sorted(reason for view, _, reason in await gallery.faults() if view == "pictures")
    assert [reason.partition(":")[0] for reason in reasons] == [
        "CharacterNotInRepertoireError",
        "CheckViolationError",
        "CheckViolationError",
        "ValueError",
        "no CloudEvent",
    ]
    assert await gallery.fetch("SELECT sum(faults)::int FROM view_positions WHERE view = 'pictures'") == [(5,)]


async def test_faults_are_counted_without_end_and_kept_up_to_a_bound(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_store, "FAULTS_PER_VIEW_MAX", 3)
    projector = gallery.projector()
    async with at_work(projector):
        for _ in range(2):
            await gallery.say(*(add("a", UNLUCKY) for _ in range(2)))
            await gallery.shown(projector)
            await gallery.say(*(add("b", LINE_MAX + 1) for _ in range(2)))
            await gallery.shown(projector)
    assert len(await gallery.faults()) == 3
    assert await gallery.fetch("SELECT sum(faults)::int FROM view_positions") == [(8,)]


async def test_what_a_view_does_not_hear_is_passed_over_without_being_read(gallery: Gallery) -> None:
    broken = gallery.sealed(Clear(counter="a"))
    assert broken.value is not None
    await gallery.write(
        COUNTERS.name, broken._replace(value=broken.value.replace(b'"data":{"counter"', b'"data":{"k"'))
    )
    await gallery.say(Totalled(counter="a", total=1))
    projector = gallery.projector()
    async with at_work(projector):
        await gallery.shown(projector)
    assert await gallery.faults() == []
    assert await gallery.frames() == {"a": (None, "", 5, None)}


async def test_freshness_tells_how_far_behind_a_stream_is(gallery: Gallery) -> None:
    await gallery.say(add("a", 1), add("b", 2))
    await gallery.say(totalled("a"))
    projector = gallery.projector()
    assert projector.freshness() == {}
    async with at_work(projector):
        await gallery.shown(projector)
        fresh = projector.freshness()
        assert {stream: one.behind for stream, one in fresh.items()} == {"counters": 0, "totals": 0}
        assert fresh["counters"].shown_at == (await gallery.fetch("SELECT max(last_at) FROM frames"))[0][0]
    await gallery.say(add("a", 3), add("c", 3))
    store = Stuck(gallery.access.url)
    stuck = gallery.projector(store=store)
    async with at_work(stuck):
        await store.reached.wait()
        assert stuck.freshness()["counters"] == (fresh["counters"].shown_at, 2)
        assert stuck.freshness()["totals"].behind == 0
