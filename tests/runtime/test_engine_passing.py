"""What a service does not hear is passed over at no cost, and never asked for again."""

from agora.event import Event
from agora.memory import MemoryLog, MemoryRecord, MemoryStore, VirtualClock
from agora.turns import Engine
from agora.wire import data_of, seal
from tests.runtime.counting import COUNTERS, Add, Ignored, counting
from tests.runtime.desk import CAUSE


class Counting(MemoryStore):
    """A store that counts its commits."""

    __slots__ = ("commits",)

    def __init__(self) -> None:
        super().__init__(step=self._count)
        self.commits = 0

    def _count(self, step: str) -> None:
        self.commits += step == "before the commit"


def records(*events: Event) -> list[MemoryRecord]:
    log = MemoryLog(VirtualClock(), partitions=1)
    for number, event in enumerate(events, 1):
        (subject,) = event.concerns()
        value = seal(CAUSE, "test-0", number, event.wire_name, subject.id, data_of(event))
        log.append(COUNTERS.name, subject.id.encode(), value)
    return log.stream(COUNTERS.name)[0]


def engine(store: MemoryStore) -> Engine:
    clock = VirtualClock()
    return Engine(counting(), store, MemoryLog(clock), clock)


NOTHING = (Ignored(counter="a"), Ignored(counter="b"))


async def test_a_poll_with_nothing_to_hear_is_no_commit_and_goes_with_the_next_one() -> None:
    store = Counting()
    ours, told = engine(store), records(*NOTHING, Add(counter="a", amount=1))
    await ours.take(told[:2])
    assert store.commits == 0
    await ours.take(told)
    assert (store.commits, store.partitions[0].next_offset) == (1, 3)
    assert store.partitions[0].counts["heard Add.v1"] == 1


async def test_where_nothing_follows_it_is_written_down_between_records() -> None:
    store = Counting()
    ours = engine(store)
    await ours.take(records(*NOTHING))
    await ours.sweep()
    assert (store.commits, ours.next_offset(0)) == (1, 2)
    await ours.sweep()
    assert store.commits == 1


async def test_what_was_passed_is_no_hole_after_everything_was_forgotten() -> None:
    """Kafka does not deliver it again to a process that lives, so it must not be missed there."""
    store = Counting()
    ours, told = engine(store), records(*NOTHING, Add(counter="a", amount=1))
    await ours.take(told[:2])
    ours.forget()
    await ours.take(told[2:])
    assert store.partitions[0].next_offset == 3


async def test_another_process_is_given_it_again() -> None:
    store = Counting()
    told = records(*NOTHING, Add(counter="a", amount=1))
    await engine(store).take(told[:2])
    heir = engine(store)
    await heir.own([0])
    assert heir.next_offset(0) == 0
    await heir.take(told)
    assert store.partitions[0].next_offset == 3
