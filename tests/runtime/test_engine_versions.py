"""Events of other versions: old ones are said again in today's words, later ones are read as far as they can be."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self, TypeAlias

import pytest

from agora.control import RedriveParked
from agora.decision import Decision
from agora.envelope import HEADERS
from agora.event import Event
from agora.service import Service
from tests.runtime.counting import AboutCounter, Add, Clear, Counter, Ignored, Rang, RingAfter, counting, decide
from tests.runtime.desk import Office
from tests.runtime.kafka_reader import Raw, read
from tests.runtime.test_engine_reading import cloud_event

REDRIVE: Final = RedriveParked(service="counter", stream="counters", agent="a")


First: TypeAlias = Add


def _second() -> type[Event]:
    class Add(AboutCounter, version=2, replaces=First, readable_since=1):
        """One more field, which a reader of version 1 can do without."""

        amount: int
        times: int = 1

        @classmethod
        def upcast(cls, old: First) -> Self:
            return cls(counter=old.counter, amount=old.amount)

    return Add


def _third() -> type[Event]:
    class Add(AboutCounter, version=3, replaces=Second):
        """Another name for the amount: only a reader of version 3 finds it."""

        by: int

        @classmethod
        def upcast(cls, old: Any) -> Self:
            return cls(counter=old.counter, by=old.amount * old.times)

    return Add


Second: Final = _second()
Third: Final = _third()


def knowing(add: type[Event]) -> Service:
    """The counter as a release knows it whose latest ``Add`` is this one."""

    def deciding(state: Counter, event: Any, now: datetime) -> Decision[Counter]:
        if isinstance(event, add):
            fields = event.model_dump()
            amount = fields.get("by") or fields["amount"] * fields.get("times", 1)
            event = First(counter=fields["counter"], amount=amount)
        return decide(state, event, now)

    kinds = (add, RingAfter, Rang, Clear)
    return replace(counting(), consumes=kinds, events=(*kinds, Ignored), decide=deciding)


def said(add: type[Event], **fields: int) -> Event:
    """An event of some version, to counter a."""
    return add.model_validate({"counter": "a", **fields})


async def total(office: Office, service: Service) -> int:
    desk = office.desk(service)
    await desk.hear(await office.records())
    return (await office.state("a") or {"total": 0})["total"]


@pytest.mark.parametrize("known", [1, 2, 3])
async def test_an_old_record_opens_for_ever(office: Office, known: int) -> None:
    await office.tell(First(counter="a", amount=5))
    assert await total(office, knowing((First, Second, Third)[known - 1])) == 5


async def test_every_version_in_one_log_is_heard_in_order(office: Office) -> None:
    await office.tell(First(counter="a", amount=1), said(Second, amount=2, times=3), said(Third, by=4))
    assert await total(office, knowing(Third)) == 11
    assert await office.fetch("SELECT count(*) FROM dead_letters") == [(0,)]


async def test_an_older_release_reads_a_later_event_as_the_version_it_can_be_read_as(office: Office) -> None:
    await office.tell(said(Second, amount=2, times=3), First(counter="a", amount=1))
    assert await total(office, knowing(First)) == 3
    assert (await office.fetch("SELECT count(*) FROM parked"), await office.parked()) == ([(0,)], [])


async def test_an_event_of_a_later_version_waits_with_all_behind_it_for_a_release_that_knows_it(office: Office) -> None:
    await office.tell(First(counter="a", amount=1), said(Third, by=4), First(counter="a", amount=2))
    await office.tell(First(counter="b", amount=7))
    assert await total(office, knowing(Second)) == 1
    assert (await office.state("b") or {})["total"] == 7
    errors = await office.fetch("SELECT error FROM parked ORDER BY position")
    assert [("unknown version: Add.v3" in error, "behind" in error) for (error,) in errors] == [
        (True, False),
        (False, True),
    ]
    await office.tell(REDRIVE)
    assert await total(office, knowing(Third)) == 7
    assert await office.fetch("SELECT count(*) FROM parked") == [(0,)]


async def test_what_a_service_says_that_nobody_knows_is_counted_and_passed_over(office: Office) -> None:
    kinds = enumerate(("Subtract.v1", "Ignored.v7", "x"), start=1)
    await office.write(
        *(Raw(b"a", cloud_event(type=kind, source="risk-0", id=str(n), sequence=str(n))) for n, kind in kinds)
    )
    await office.tell(First(counter="a", amount=1))
    assert await total(office, counting()) == 1
    assert await office.fetch("SELECT (counts->>'unknown types')::int, next_offset FROM partitions") == [(2, 4)]
    assert await office.fetch("SELECT count(*) FROM dead_letters") == [(0,)]


def binary(data: bytes, headers: dict[str, bytes]) -> Raw:
    """A record in CloudEvents' binary mode."""
    attributes = {"ce_specversion": b"1.0", "ce_id": b"1", "ce_source": b"shop", "ce_type": b"Add.v1"}
    return Raw(b"a", data, tuple({**attributes, "ce_subject": b"a", **headers}.items()))


DATA: Final = b'{"counter": "a", "amount": 3}'


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": b"application/json; charset=utf-8"},
        {"Content-Type": b"application/vnd.shop+json", "ce_colour": b"blue", "trace": b"\xff"},
        {"ce_sequence": b"1", "ce_correlationid": b"story", "ce_time": b"2026-01-01T00:00:00Z"},
        {"ce_type": b"Add.v9", "ce_readableas": b"Add.v8,Add.v1"},
    ],
    ids=["no content type", "JSON", "JSON of a kind, and headers nobody knows", "numbered", "of a later version"],
)
async def test_records_in_binary_mode_are_read(office: Office, headers: dict[str, bytes]) -> None:
    await office.write(binary(DATA, headers), binary(DATA, headers))
    assert await total(office, counting()) == 3


@pytest.mark.parametrize(
    ("data", "headers", "reason"),
    [
        (DATA, {"content-type": b"application/avro"}, "'application/avro', not JSON"),
        (DATA, {"content-type": b"\xff"}, "no CloudEvent"),
        (DATA, {"ce_source": b"\xff"}, "no CloudEvent"),
        (DATA, {"ce_specversion": b"0.3"}, "version '0.3', not 1.0"),
        (DATA, {"ce_id": b""}, "id or source"),
        (DATA, {"ce_subject": b"b"}, "subject 'b' is not the record's key"),
        (DATA, {"ce_sequence": b"first"}, "sequence 'first' is no positive number"),
        (b"\x00", {}, "Add.v1: data"),
        (b"[" * 100_000, {}, "Add.v1: data"),
    ],
    ids=["other data", "odd type", "odd bytes", "other version", "no id", "other key", "no number", "bytes", "deep"],
)
async def test_what_cannot_be_read_in_binary_mode_is_a_dead_letter(
    office: Office, data: bytes, headers: dict[str, bytes], reason: str
) -> None:
    await office.write(binary(data, headers))
    assert await total(office, counting()) == 0
    ((found, kept),) = await office.fetch("SELECT reason, value FROM dead_letters")
    assert reason in found
    assert kept == data


async def test_a_missing_attribute_in_binary_mode_is_named(office: Office) -> None:
    await office.write(Raw(b"a", DATA, (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"shop"))))
    assert await total(office, counting()) == 0
    assert await office.fetch("SELECT reason FROM dead_letters") == [("no CloudEvent: no header ce_type",)]


async def test_what_is_published_says_its_mode_and_the_versions_it_can_be_read_as(office: Office) -> None:
    await office.tell(First(counter="a", amount=1))
    desk = office.desk()
    await desk.hear(await office.records())
    await desk.relay()
    records = await read(office.kafka, office.prefix + "totals", 1)
    assert [tuple(record.headers) for record in records] == [HEADERS]
