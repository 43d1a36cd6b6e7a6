"""What a partition holds that is no event of ours is kept, with its reason, and the partition goes on."""

import json
from typing import Any

import pytest

from agora.batch import RECENT_IDS_PER_AGENT_MAX
from agora.envelope import EVENT_BYTES_MAX
from agora.memory import MemoryRecord
from tests.runtime.counting import UNLUCKY, Add, Ignored, RingAfter
from tests.runtime.desk import Office
from tests.runtime.kafka_reader import Raw

DEEP = 1_000


def cloud_event(**changed: Any) -> bytes:
    """An event as a foreign program may write it: unnumbered, unless ``sequence`` is given."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "1",
        "source": "somewhere",
        "type": "Add.v1",
        "subject": "a",
        "data": {"counter": "a", "amount": 1},
    }
    return json.dumps({name: value for name, value in {**event, **changed}.items() if value is not None}).encode()


def of_bytes(size: int) -> bytes:
    """An event of exactly so many bytes."""
    filling = "x" * (size - len(cloud_event(data={"counter": "a", "amount": 1, "filling": ""})))
    return cloud_event(data={"counter": "a", "amount": 1, "filling": filling})


def with_data(data: bytes) -> bytes:
    """An event whose data is whatever these bytes are."""
    return cloud_event(data=0).replace(b'"data": 0', b'"data": ' + data)


LONG = "x" * 257
DEAD: dict[str, tuple[bytes | None, bytes | None, str]] = {
    "no key": (None, cloud_event(), "no key"),
    "an empty key": (b"", cloud_event(), "no key"),
    "no value": (b"a", None, "no value"),
    "an empty value": (b"a", b"", "no value"),
    "no JSON": (b"a", b"\x00\x01 no JSON", "no CloudEvent"),
    "JSON cut short": (b"a", cloud_event()[:-1], "no CloudEvent"),
    "another kind of JSON": (b"a", b"[1, 2]", "no CloudEvent"),
    "no CloudEvent": (b"a", b'{"counter": "a"}', "no CloudEvent"),
    "another version of CloudEvents": (b"a", cloud_event(specversion="0.3"), "version '0.3', not 1.0"),
    "an attribute of the wrong type": (b"a", cloud_event(id=1), "no CloudEvent"),
    "no id": (b"a", cloud_event(id=""), "id or source"),
    "a long id": (b"a", cloud_event(id=LONG), "id or source"),
    "no source": (b"a", cloud_event(source=""), "id or source"),
    "a long source": (b"a", cloud_event(source=LONG), "id or source"),
    "a NUL in the source": (b"a", cloud_event(source="x\0y", sequence="1"), "id or source"),
    "a NUL in the id": (b"a", cloud_event(id="x\0y"), "id or source"),
    "a long correlation id": (b"a", cloud_event(correlationid="x" * (EVENT_BYTES_MAX - 1_000)), "correlation"),
    "a NUL in the correlation id": (b"a", cloud_event(correlationid="\0"), "correlation"),
    "a lone surrogate in the source": (b"a", cloud_event(source="\ud800", sequence="1"), "no CloudEvent"),
    "an unknown type": (b"a", cloud_event(type="Subtract.v1"), "unknown type or version: Subtract.v1"),
    "an unknown version": (b"a", cloud_event(type="Add.v2"), "unknown type or version: Add.v2"),
    "no version": (b"a", cloud_event(type="Add", sequence="1"), "unknown type or version: Add"),
    "a version that is no number": (b"a", cloud_event(type="Add.vII", sequence="1"), "version: Add.vII"),
    "a wrong subject": (b"b", cloud_event(), "subject 'a' is not the record's key"),
    "a key that is no text": (b"\xff", cloud_event(), "subject 'a' is not the record's key"),
    "a NUL in the subject": (b"a\x00", cloud_event(subject="a\0"), "the subject is too long or holds a NUL"),
    "a long subject": (LONG.encode(), cloud_event(subject=LONG), "the subject is too long or holds a NUL"),
    "no subject": (b"a", cloud_event(subject=None), "subject '' is not the record's key"),
    "a sequence that is no number": (b"a", cloud_event(sequence="-1"), "sequence '-1' is no positive number"),
    "a huge sequence": (b"a", cloud_event(sequence="9" * 30), "is no positive number"),
    "no data": (b"a", cloud_event(data=None), "Add.v1: data."),
    "a field too few": (b"a", cloud_event(data={"counter": "a"}), "Add.v1: data.amount: Field required"),
    "a fraction": (b"a", cloud_event(data={"counter": "a", "amount": 1.5}), "Add.v1: data.amount"),
    "a number as text": (b"a", cloud_event(data={"counter": "a", "amount": "1"}), "Add.v1: data.amount"),
    "a number beyond all measure": (b"a", with_data(b"1" + b"0" * 5_000), "data"),
    "half a surrogate pair": (b"a", cloud_event(data={"counter": "\ud800", "amount": 1}), "no CloudEvent"),
    "the other half": (b"a", cloud_event(data={"counter": "\udc00 a", "amount": 1}), "no CloudEvent"),
    "no UTF-8 in the data": (b"a", cloud_event().replace(b'"counter": "a"', b'"counter": "\xff"'), "Add.v1: data"),
    "no UTF-8 in the source": (b"a", cloud_event().replace(b"somewhere", b"\xff"), "no CloudEvent"),
    "too large": (b"a", of_bytes(EVENT_BYTES_MAX + 1), "oversized: 900,001 bytes, at most 900,000"),
    "nested lists": (b"a", with_data(b"[" * DEEP + b"]" * DEEP), "recursion"),
    "nested objects": (b"a", with_data(b'{"a":' * DEEP + b"1" + b"}" * DEEP), "recursion"),
    "nested a hundred thousand deep": (b"a", b"[" * 100_000, "no CloudEvent"),
    "nested beside the data": (b"a", with_data(b'0, "more": ' + b"[" * 100_000), "no CloudEvent"),
}  # fmt: skip


async def test_what_cannot_be_read_is_kept_to_the_byte_with_its_reason_and_everyone_goes_on(office: Office) -> None:
    nothing: Any = None  # Kafka knows headers without a value
    headers = (("trace", b"\x00\xff"), ("ümlaut", b""), ("nothing", nothing))
    for key, value, _ in DEAD.values():
        await office.write(Raw(key, value, headers))
        await office.tell(Add(counter="a", amount=1))
    desk = office.desk()
    await desk.hear(await office.records())
    await desk.relay()
    kept = await office.fetch("SELECT log_offset, key, value, headers, reason FROM dead_letters ORDER BY log_offset")
    assert [row[0] for row in kept] == [2 * number for number in range(len(DEAD))]
    as_kept = [[name, (text or b"").hex()] for name, text in headers]
    for row, (name, (key, value, reason)) in zip(kept, DEAD.items(), strict=True):
        assert (row[1], row[2], json.loads(row[3])) == (key, value, as_kept), name
        assert reason in row[4], name
    assert await office.state("a") == {"total": len(DEAD), "turns": len(DEAD), "rang": 0}
    assert await office.parked() == []
    assert await office.errors() == []


async def test_dead_letters_heard_again_are_kept_once(office: Office) -> None:
    await office.write(Raw(None, b"1"), Raw(b"a", b"2"))
    records = await office.records()
    for _ in range(2):
        desk = office.desk()
        await desk.hear(records)
        await desk.hear(records)
    assert await office.fetch("SELECT count(*) FROM dead_letters") == [(2,)]


@pytest.mark.parametrize(
    "value",
    [
        of_bytes(EVENT_BYTES_MAX),
        cloud_event(data={"counter": "a", "amount": 1, "a field of tomorrow": [1]}, colour="blue"),
        cloud_event(traceparent="00-" + "z" * 2_000, causationid="x" * 100_000, time="yesterday"),
        cloud_event(data={"counter": "a", "amount": 1, "note": "é😀\u2028"}),
        cloud_event(sequence="9223372036854775807"),
    ],
    ids=["as large as may be", "unknown fields", "odd attributes", "other scripts", "the last number"],
)
async def test_what_can_be_read_is_taken_however_odd_it_looks(office: Office, value: bytes) -> None:
    await office.write(Raw(b"a", value))
    desk = office.desk()
    await desk.hear(await office.records())
    assert (await office.fetch("SELECT reason FROM dead_letters"), await office.fetch("SELECT error FROM parked")) == (
        [],
        [],
    )
    assert await office.state("a") == {"total": 1, "turns": 1, "rang": 0}


async def test_a_known_event_that_is_meant_for_others_is_passed_over(office: Office) -> None:
    await office.tell(Ignored(counter="a"), Add(counter="a", amount=1))
    desk = office.desk()
    await desk.hear(await office.records())
    assert await office.fetch("SELECT next_offset FROM partitions") == [(2,)]
    assert await office.fetch("SELECT count(*) FROM dead_letters") == [(0,)]
    assert await office.state("a") == {"total": 1, "turns": 1, "rang": 0}


async def test_a_numbered_event_that_is_published_again_counts_once(office: Office) -> None:
    desk = office.desk()
    again = [office.numbered(Add(counter="a", amount=1)), office.numbered(Add(counter="b", amount=1))]
    await office.write(*again)
    await desk.hear(await office.records())
    await office.write(*again, *again)
    await (office.desk()).hear(await office.records())
    assert await office.fetch("SELECT counter, total FROM totals ORDER BY counter") == [("a", 1), ("b", 1)]
    assert await office.fetch("SELECT next_offset FROM partitions") == [(6,)]


async def test_a_consumer_set_back_to_the_beginning_doubles_nothing(office: Office) -> None:
    await office.tell(*(Add(counter="a", amount=1) for _ in range(10)))
    records = await office.records()
    for step in (3, 4, 10):
        desk = office.desk()
        for start in range(0, len(records), step):
            await desk.hear(records[start : start + step])
            await desk.hear(records[: start + step])
        await desk.relay()
    assert await office.totals() == [("a", total) for total in range(1, 11)]


def foreign(number: int, counter: str = "a") -> Raw:
    value = cloud_event(id=str(number), subject=counter, data={"counter": counter, "amount": 1})
    return Raw(counter.encode(), value)


async def test_a_foreign_event_is_known_by_its_id_within_the_window(office: Office) -> None:
    window = RECENT_IDS_PER_AGENT_MAX
    await office.write(*(foreign(number) for number in range(window)))
    await (office.desk()).hear(await office.records())
    await office.write(*(foreign(number) for number in range(window)))
    await (office.desk()).hear(await office.records())
    assert await office.state("a") == {"total": window, "turns": window, "rang": 0}


async def test_the_window_of_foreign_ids_is_bounded_and_each_agents_own(office: Office) -> None:
    window = RECENT_IDS_PER_AGENT_MAX
    await office.write(*(foreign(number) for number in range(window + 1)))
    await office.write(foreign(0), foreign(window), foreign(0, "b"))
    await (office.desk()).hear(await office.records())
    assert (await office.state("a") or {})["total"] == window + 2
    assert (await office.state("b") or {})["total"] == 1
    assert await office.fetch("SELECT jsonb_array_length(recent) FROM agents WHERE subject = 'a'") == [(window,)]


@pytest.mark.parametrize("timestamp", [-1, 10**17, 2**63 - 1])
async def test_a_topic_with_a_foreign_clock_stops_nobody(office: Office, timestamp: int) -> None:
    raw = [office.numbered(Add(counter="a", amount=amount)) for amount in (1, UNLUCKY)]
    raw.append(office.numbered(RingAfter(counter="b", seconds=1)))
    desk = office.desk()
    await desk.hear([MemoryRecord(0, place, timestamp, one.key, one.value) for place, one in enumerate(raw)])
    await desk.relay()
    assert await office.fetch("SELECT next_offset FROM partitions") == [(3,)]
    assert (await office.state("a") or {})["total"] == 1
