"""The relay publishes what was committed, whatever breaks around it: nothing is lost, and what comes twice is known."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from agora.decision import Decision, become
from agora.envelope import read_envelope
from agora.kafka import KafkaLog
from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.ports import OutboxRow, Unavailable
from agora.service import Service
from agora.turns import Engine
from tests.runtime.counting import TOTALS, Add, Totalled
from tests.runtime.desk import Desk, Office
from tests.runtime.kafka_reader import read


class BreakingLog(KafkaLog):
    """Loses the connection in one round: before the rows are sent, or after they arrived and before that is known."""

    def __init__(self, bootstrap: str, prefix: str, when: str, after_rounds: int = 0) -> None:
        super().__init__(bootstrap, prefix)
        self._when = when
        self._rounds = after_rounds

    async def publish(self, rows: Sequence[OutboxRow]) -> int:
        self._rounds -= 1
        if self._rounds == -1 and self._when == "before":
            raise Unavailable("lost before sending")
        count = await super().publish(rows)
        if self._rounds == -1 and self._when == "after":
            raise Unavailable("lost before the acknowledgement")
        return count


ADDS = tuple(Add(counter=counter, amount=1) for counter in "aabab")
TOTALLED = [("a", 1), ("a", 2), ("b", 1), ("a", 3), ("b", 2)]


async def at_a_breaking_desk(office: Office, when: str) -> Desk:
    desk = office.desk(log=BreakingLog(office.kafka, office.prefix, when))
    await office.tell(*ADDS)
    await desk.hear(await office.records())
    with pytest.raises(Unavailable):
        await desk.relay()
    return desk


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_that_dies_while_publishing_leaves_nothing_behind(office: Office, when: str) -> None:
    await at_a_breaking_desk(office, when)
    heir = office.desk()
    await heir.hear([])
    await heir.relay()
    assert await office.totals() == TOTALLED
    assert len(await read(office.kafka, office.prefix + TOTALS.name)) == (5 if when == "before" else 10)
    assert await office.fetch("SELECT count(*) FROM outbox") == [(0,)]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_publication_that_fails_is_made_again_from_its_first_row(office: Office, when: str) -> None:
    desk = await at_a_breaking_desk(office, when)
    await desk.relay()
    assert await office.totals() == TOTALLED
    assert await office.fetch("SELECT published, sequence FROM partitions") == [(5, 5)]


async def test_a_listener_takes_what_was_published_twice_once(office: Office) -> None:
    desk = await at_a_breaking_desk(office, "after")
    await desk.relay()
    store, clock = MemoryStore(), VirtualClock()
    listener = Engine(LISTENER, store, MemoryLog(clock), clock)
    await listener.take(await read(office.kafka, office.prefix + TOTALS.name))
    assert {name: agent.state for name, agent in store.agents.items()} == {"a": b"3", "b": b"2"}


def listen(state: int, event: Totalled, now: object) -> Decision[int]:
    del now
    assert event.total == state + 1
    return become(state + 1)


LISTENER = Service("listener", TOTALS, int, 0, Totalled, (), listen, (Totalled,))


async def test_rows_that_fill_many_batches_arrive_in_order_and_without_a_gap(office: Office) -> None:
    desk = office.desk()
    await office.tell(*(Add(counter="a", amount=1, note="x" * 1_000, repeat=200 + number) for number in range(12)))
    await desk.hear(await office.records())
    rounds = 0
    while await desk.engine.relay.step():
        rounds += 1
    assert rounds >= 3
    records = await read(office.kafka, office.prefix + TOTALS.name)
    numbers = [int(read_envelope(record.value or b"").sequence) for record in records]
    assert numbers == list(range(1, 13))


async def test_an_outbox_is_trimmed_once_its_rows_are_known_to_be_published(office: Office) -> None:
    desk = office.desk()
    await office.tell(*ADDS)
    await desk.hear(await office.records())
    await desk.engine.sweep()
    assert await office.fetch("SELECT count(*) FROM outbox") == [(5,)]
    await desk.relay()
    assert await office.fetch("SELECT count(*) FROM outbox") == [(0,)]


async def test_a_partition_that_changes_hands_again_and_again_publishes_in_order(office: Office) -> None:
    for number in range(6):
        await office.tell(*ADDS)
        # Every heir but the first publishes what its predecessor left, before it fails at its own.
        desk = office.desk(log=BreakingLog(office.kafka, office.prefix, "after", after_rounds=min(number, 1)))
        await desk.hear(await office.records())
        with pytest.raises(Unavailable):
            await desk.engine.relay.step()
    heir = office.desk()
    await heir.hear([])
    await heir.relay()
    numbers = [total for name, total in await office.totals() if name == "a"]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
    assert len(numbers) == 18
