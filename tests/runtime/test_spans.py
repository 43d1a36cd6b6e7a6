"""Traces made of the log: one story is one trace, and every step of it is a span that follows from another."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from agora.control import ErrorOccurred
from agora.discovery import services
from agora.memory import MemoryRecord
from agora.ports import Record
from agora.spans import Span, SpanMaker, span_id
from agora.wire import Cause, iso, seal, trace_of
from agora.world import Faults, World
from tests.stories.town import ended, line, order, town

SECOND = 1_000
CALLER = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def sealed(
    source: str,
    number: int,
    *,
    cause: str = "",
    time: int = 0,
    story: str = "S",
    kind: str = "Told.v1",
    subject: str = "x",
) -> bytes:
    return seal(Cause(_iso(time), story, cause, trace_of("", story)), source, number, kind, subject, b"{}")


def record(value: bytes | None, at: int, key: bytes = b"x", offset: int = 0) -> Record:
    return MemoryRecord(1, offset, at, key, value)


def foreign(name: str, more: str = "") -> bytes:
    return f'{{"specversion":"1.0","id":"{name}","source":"//shop/eu","type":"Asked.v1","subject":"x"{more}}}'.encode()


def only(*records: Record, maker: SpanMaker | None = None) -> Span:
    """The span of the last record."""
    return (maker or SpanMaker()).spans(("things", one) for one in records).spans[-1]


def test_a_span_is_the_step_from_the_record_that_was_heard_to_the_one_that_was_said() -> None:
    cause = record(sealed("buyer-3", 7), at=5 * SECOND)
    effect = record(sealed("seller-0", 4, cause="buyer-3/7", time=5 * SECOND, kind="Shipped.v2"), 6 * SECOND, offset=9)
    span = only(cause, effect)
    assert (span.name, span.service) == ("Shipped", "agora-seller")
    assert (span.started_ms, span.said_ms, span.ended_ms) == (5 * SECOND, 5 * SECOND, 6 * SECOND)
    assert span.parent == only(cause).id
    assert dict(span.attributes) == {
        "cloudevents.event_type": "Shipped.v2",
        "cloudevents.event_source": "seller-0",
        "cloudevents.event_id": "4",
        "cloudevents.event_subject": "x",
        "messaging.destination.name": "things",
        "messaging.destination.partition.id": "1",
        "messaging.kafka.offset": 9,
        "agora.story": "S",
        "agora.cause": "buyer-3/7",
        "agora.outbox_ms_max": SECOND,
    }


def test_what_time_brought_about_waits_before_it_is_said_and_only_then_takes_its_way() -> None:
    cause = record(sealed("buyer-3", 7), at=5 * SECOND)
    reminder = record(sealed("buyer-3", 8, cause="buyer-3/7", time=65 * SECOND), at=66 * SECOND)
    span = only(cause, reminder)
    assert (span.started_ms, span.said_ms, span.ended_ms) == (5 * SECOND, 65 * SECOND, 66 * SECOND)
    assert dict(span.attributes)["agora.outbox_ms_max"] == SECOND


def test_ids_are_those_that_the_record_itself_carries() -> None:
    value = sealed("buyer-3", 7)
    version, trace, span, _ = next(part for part in value.decode().split('"') if part.startswith("00-")).split("-")
    assert version == "00"
    assert (only(record(value, 1)).trace, only(record(value, 1)).id) == (trace, span)


def test_the_cause_may_be_read_after_what_follows_from_it() -> None:
    effect = record(sealed("seller-0", 4, cause="buyer-3/7", time=3 * SECOND), at=6 * SECOND)
    cause = record(sealed("buyer-3", 7, time=SECOND), at=4 * SECOND)
    first, second = SpanMaker().spans([("things", effect), ("things", cause)]).spans
    assert first.parent == second.id
    assert (first.started_ms, first.said_ms) == (4 * SECOND, 4 * SECOND)


def test_a_step_whose_cause_is_forgotten_begins_at_the_events_own_time() -> None:
    effect = record(sealed("seller-0", 4, cause="buyer-3/7", time=5 * SECOND), at=6 * SECOND)
    remembered, forgetful = SpanMaker(), SpanMaker(remembered_max=2)
    for maker in (remembered, forgetful):
        maker.spans([("things", record(sealed("buyer-3", 7), at=4 * SECOND))])
        maker.spans(("things", record(sealed("buyer-3", number), at=4 * SECOND)) for number in (8, 9))
    assert only(effect, maker=remembered).started_ms == 4 * SECOND
    assert only(effect, maker=forgetful).started_ms == 5 * SECOND
    assert [maker.spans([("things", effect)]).repeated for maker in (remembered, forgetful)] == [1, 1]


def test_a_record_that_comes_twice_is_one_span() -> None:
    again = record(sealed("buyer-3", 7), at=1)
    maker = SpanMaker()
    made = maker.spans([("things", again), ("things", again)])
    assert (len(made.spans), made.repeated) == (1, 1)
    assert maker.spans([("things", again)]) == ([], 1, [])


def test_a_request_is_where_a_story_begins_since_it_is_not_in_the_log() -> None:
    assert only(record(sealed("gateway-0", 7, cause="gateway-door/3"), at=1)).parent == ""
    assert only(record(sealed("gateway-0", 7, cause="gateway-3/3"), at=1)).parent == span_id("gateway-3/3")


def test_a_foreign_producers_own_trace_goes_on_in_ours() -> None:
    asked = foreign("a1", f',"traceparent":"{CALLER}"')
    span = only(record(asked, 1))
    assert (span.trace, span.parent, span.service) == ("a" * 32, "b" * 16, "//shop/eu")
    assert span.id not in {"b" * 16, "0" * 16}
    answer = seal(Cause(_iso(1), "a1", "//shop/eu/a1", trace_of(CALLER, "a1")), "buyer-0", 1, "Answered.v1", "x", b"{}")
    assert (only(record(answer, 2)).trace, only(record(answer, 2)).parent) == ("a" * 32, span.id)


def test_a_foreign_producer_without_a_trace_begins_the_one_in_which_it_is_answered() -> None:
    span = only(record(foreign("17"), 1))
    answer = seal(Cause(_iso(1), "17", "//shop/eu/17", trace_of("", "17")), "buyer-0", 1, "Answered.v1", "x", b"{}")
    assert (only(record(answer, 2)).trace, only(record(answer, 2)).parent) == (span.trace, span.id)
    assert span.parent == ""


def test_a_failed_turn_is_seen_to_have_failed() -> None:
    assert only(record(sealed("buyer-0", 1, kind=ErrorOccurred.wire_name), 1)).is_failure
    assert not only(record(sealed("buyer-0", 1, kind="StockRefused.v1"), 1)).is_failure


def test_what_is_no_event_is_named_and_nothing_else_is_lost() -> None:
    bad = record(b"no event", 3, offset=5)
    made = SpanMaker().spans([("things", bad), ("things", record(sealed("buyer-3", 7), at=1))])
    assert [span.id for span in made.spans] == [span_id("buyer-3/7")]
    ((stream, kept, reason),) = made.unreadable
    assert (stream, kept, reason.startswith("no CloudEvent")) == ("things", bad, True)


def test_no_record_makes_a_long_span() -> None:
    long = "x" * 100_000
    span = only(record(foreign("a", f',"causationid":"{long}"').replace(b"Asked.v1", f"{long}.v1".encode()), 1))
    assert sum(len(str(value)) for _, value in span.attributes) + len(span.name) < 2_000


@pytest.mark.parametrize("at", [-1, 2**63 - 1])
@pytest.mark.parametrize("time", ['"never"', '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59Z"', '"2026-01-01"'])
def test_no_clock_makes_a_span_that_ends_before_it_began_or_cannot_be_written(at: int, time: str) -> None:
    span = only(record(foreign("a", f',"time":{time}'), at))
    assert 0 <= span.started_ms <= span.said_ms <= span.ended_ms < 2**63 // 1_000_000


@pytest.mark.parametrize("faults", [Faults(), Faults(crash=0.01, lost_answer=0.02, redelivery=0.1)])
async def test_an_order_is_one_trace_with_one_root_and_everyone_who_took_part(faults: Faults) -> None:
    world = await town(1, faults)
    world.tell(order("T", line("P"), line("X")), story="T")
    await ended(world)
    said = {(name, one.value): one for name, one in everything(world)}
    spans = [span for span in SpanMaker().spans(everything(world)).spans if dict(span.attributes)["agora.story"] == "T"]
    assert {span.trace for span in spans} == {trace_of("", "T")}
    ids = {span.id for span in spans}
    assert len(ids) == len(spans) == len([1 for _, value in said if value and b'"correlationid":"T"' in value])
    (root,) = (span for span in spans if not span.parent)
    assert (root.name, root.service) == ("CheckOut", "door")
    assert {span.parent for span in spans if span is not root} <= ids
    parties = {service.name for service in services() if not service.ingress}
    assert {span.service for span in spans} == {f"agora-{name}" for name in parties} | {"door"}


def everything(world: World) -> Iterator[tuple[str, Record]]:
    for name in world.log.names():
        for records in world.log.stream(name):
            yield from ((name, one) for one in records)


def _iso(ms: int) -> str:
    return iso(datetime.fromtimestamp(ms / 1000, UTC))
