"""Nothing is acknowledged in silence: whatever a stream holds, each record ends in exactly one way that can be seen."""

import json
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agora.control import EVENTS as RUNTIME_EVENTS
from agora.control import RedriveParked, SkipParked
from agora.discovery import services
from agora.envelope import Undecodable, envelope_of
from agora.memory import MemoryLog, MemoryRecord, MemoryStore, VirtualClock
from agora.parking import CONTROLS
from agora.ports import Commit
from agora.service import Service
from agora.turns import Engine, members
from agora.versions import split
from agora.wire import Cause, data_of, seal
from tests.fuzz.corpus import corpus, golden, record
from tests.fuzz.frame import unframed
from tests.fuzz.mutations import mutated

RECORDS: Final = corpus()
HEARERS: Final = {one.name: one for one in services() if not one.ingress}
CAUSE: Final = Cause("2026-01-01T00:00:00Z", "story", "", "0" * 32)
REFUSED: Final = "an order too many"


def own_words(hearer: Service) -> list[MemoryRecord]:
    """Golden records of what the service consumes: without them hardly any turn would be taken."""
    return [one for event in members(hearer.consumes) for one in golden(event)]


@st.composite
def records(draw: st.DrawFn, hearer: Service) -> list[MemoryRecord]:
    """What a stream may hold: sound records, twice too, an operator's words, changed records, and any bytes."""
    chance: Random = draw(st.randoms(use_true_random=False))
    own = own_words(hearer)
    found: list[MemoryRecord] = []
    for _ in range(draw(st.integers(1, 25))):
        match draw(st.integers(0, 9)):
            case 0:
                one = unframed(draw(st.binary(max_size=60)))
            case 1 if found:
                one = chance.choice(found)
            case 2 if found:
                one = _operator(chance, hearer, chance.choice(found))
            case 3 | 4:
                one = mutated(chance, RECORDS)
            case 5 | 6:
                one = mutated(chance, own)
            case 7:
                one = _of_tomorrow(chance.choice(own))
            case _:
                one = _unnumbered(chance.choice(own), chance.randrange(4))
        found.append(one._replace(offset=len(found)))
    return found


def _operator(chance: Random, hearer: Service, one: MemoryRecord) -> MemoryRecord:
    """A word on the agent of an earlier record, or one meant for another service."""
    agent = (one.key or b"?").decode(errors="replace")[:100].replace("\x00", "?") or "?"
    kind = chance.choice((RedriveParked, SkipParked))
    name = chance.choice((hearer.name, hearer.name, "another"))
    word = kind(service=name, stream=hearer.stream.name, agent=agent)
    value = seal(CAUSE, "operator", chance.randint(1, 9), kind.wire_name, agent, data_of(word))
    return record(agent.encode(), value)


def _of_tomorrow(one: MemoryRecord) -> MemoryRecord:
    """The event in a version that only a later release knows: its agent is parked."""
    said: dict[str, Any] = json.loads(one.value or b"")
    tomorrow = {**said, "type": f"{split(said['type'])[0]}.v9", "readableas": ""}
    return one._replace(value=json.dumps(tomorrow).encode())


def _unnumbered(one: MemoryRecord, number: int) -> MemoryRecord:
    """The event as a program without an outbox says it; 0 leaves it as it is."""
    if not number:
        return one
    said: dict[str, Any] = json.loads(one.value or b"")
    del said["sequence"]
    return one._replace(value=json.dumps({**said, "source": "shop", "id": str(number)}).encode())


def refuse(commit: Commit) -> str | None:
    """A database that will not have the second event of a partition's outbox, whatever it is."""
    return REFUSED if any(row.sequence == 2 and b"ErrorOccurred" not in row.value for row in commit.outbox) else None


def hearing(hearer: Service, store: MemoryStore) -> Engine:
    clock = VirtualClock()
    return Engine(hearer, store, MemoryLog(clock), clock, agents_per_partition_max=4)


def seen(store: MemoryStore) -> int:
    """How many records ended in a way that can be seen: by a turn, as a duplicate, passed over, parked, or dead."""
    counts = store.partitions[0].counts
    turns = sum(count for name, count in counts.items() if name.startswith("heard "))
    counted = counts.get("duplicates", 0) + counts.get("unknown types", 0)
    return turns + counted + len(store.waiting) + len(store.dead_letters)


def unseen(hearer: Service, one: MemoryRecord) -> bool:
    """Whether a record may end uncounted: an event we know and do not consume, or an operator's word."""
    name, _ = split(envelope_of(one).type)
    consumed = {event.__name__ for event in members(hearer.consumes)}
    known = {event.__name__ for event in (*hearer.events, *RUNTIME_EVENTS)}
    return name in known - consumed


async def take_one_by_one(hearer: Service, store: MemoryStore, told: Sequence[MemoryRecord]) -> None:
    """Hear a stream record by record, and look where each one went."""
    engine = hearing(hearer, store)
    await engine.own([0])
    for one in told:
        before, letters = seen(store), len(store.dead_letters)
        await engine.take([one])
        if seen(store) == before:
            assert unseen(hearer, one), one
            continue
        assert store.partitions[0].next_offset == one.offset + 1
        assert seen(store) == before + 1, one
        if len(store.dead_letters) > letters and not _is_control(one):
            letter = store.dead_letters[-1]
            assert (letter.key, letter.value, letter.headers) == (one.key, one.value, one.headers)
            assert letter.reason


def _is_control(one: MemoryRecord) -> bool:
    try:
        return envelope_of(one).type in {control.wire_name for control in CONTROLS}
    except Undecodable:
        return False


def kept(store: MemoryStore) -> tuple[Any, ...]:
    """Everything in a store, as it is now; how far it has heard is written down with what there was to hear."""
    partitions = {number: row._replace(next_offset=0) for number, row in store.partitions.items()}
    tables = (partitions, store.agents, store.outbox, store.reminders, store.waiting, store.dead_letters)
    return deepcopy((*tables, store.appended, store.tables))


OFTEN: Final = settings(deadline=None, max_examples=80, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@OFTEN
@given(data=st.data(), name=st.sampled_from(sorted(HEARERS)), refusing=st.booleans())
async def test_every_record_ends_in_one_way_and_nothing_changes_when_it_is_heard_again(
    data: st.DataObject, name: str, *, refusing: bool
) -> None:
    hearer = HEARERS[name]
    told = data.draw(records(hearer))
    store = MemoryStore(refuse=refuse if refusing else lambda _: None)
    await take_one_by_one(hearer, store, told)
    after = kept(store)
    again = hearing(hearer, store)
    await again.own([0])
    await again.take(told)
    assert kept(store) == after


@OFTEN
@given(data=st.data(), name=st.sampled_from(sorted(HEARERS)), refusing=st.booleans())
async def test_records_taken_together_end_as_those_taken_one_by_one(
    data: st.DataObject, name: str, *, refusing: bool
) -> None:
    hearer = HEARERS[name]
    told = data.draw(records(hearer))
    apart, together = (MemoryStore(refuse=refuse if refusing else lambda _: None) for _ in range(2))
    await take_one_by_one(hearer, apart, told)
    engine = hearing(hearer, together)
    await engine.own([0])
    start = 0
    while start < len(told):
        size = data.draw(st.integers(1, 10))
        await engine.take(told[start : start + size])
        start += size
    assert kept(together) == kept(apart)


@OFTEN
@given(data=st.data(), name=st.sampled_from(sorted(HEARERS)))
async def test_numbered_records_published_again_are_duplicates_and_change_no_agent(
    data: st.DataObject, name: str
) -> None:
    hearer = HEARERS[name]
    told = [one._replace(offset=place) for place, one in enumerate(data.draw(st.permutations(own_words(hearer))))]
    store = MemoryStore()
    await take_one_by_one(hearer, store, told)
    _, *before = kept(store)
    counted = store.partitions[0].counts
    await take_one_by_one(hearer, store, [one._replace(offset=one.offset + len(told)) for one in told])
    _, *after = kept(store)
    assert after == before
    assert store.partitions[0].counts == {**counted, "duplicates": counted.get("duplicates", 0) + len(told)}
