"""Whatever bytes a record is made of, opening it ends decoded, passed over, or refused with a reason; and soon."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agora.contracts.schema import contract_of
from agora.envelope import EVENT_BYTES_MAX, Undecodable, read_envelope
from agora.event import Event
from agora.versions import openers
from agora.wire import Codec
from tests.fuzz import by_chance
from tests.fuzz.corpus import SPOKEN, corpus, golden, record
from tests.fuzz.frame import framed, unframed
from tests.fuzz.mutations import mutated
from tests.fuzz.opening import DECODED, NOT_CONSUMED, OTHER, REASONS, UNKNOWN_TYPE, UNKNOWN_VERSION, Opening
from tests.fuzz.report import Run

INPUTS: Final = 20_000
SEED: Final = 4
RECORDS: Final = corpus()
OPENING: Final = Opening()
RARELY_SLOW: Final = settings(
    deadline=None, max_examples=500, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def test_twenty_thousand_broken_records_are_each_read_or_refused_in_every_way_there_is() -> None:
    run = by_chance.run(INPUTS, SEED)
    assert run.failures() == []
    assert run.opening.inputs == INPUTS
    assert set(run.opening.outcomes) == {DECODED, NOT_CONSUMED, UNKNOWN_TYPE, UNKNOWN_VERSION}
    assert set(run.opening.dead) - {OTHER} == set(REASONS)


@RARELY_SLOW
@given(chance=st.randoms(use_true_random=False))
def test_a_record_changed_a_little_is_read_or_refused(chance: Random) -> None:
    OPENING.open(mutated(chance, RECORDS))


@RARELY_SLOW
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    OPENING.open(unframed(data))


def test_a_record_as_bytes_is_the_same_record() -> None:
    assert [unframed(framed(one)) for one in RECORDS] == RECORDS


def lists_of(event: type[Event]) -> list[tuple[str, ...]]:
    """Every list an event may hold, as the names on the way to it."""
    schema = contract_of(event).read
    return list(_lists(schema, schema.get("$defs", {}), ()))


def _lists(schema: Mapping[str, Any], definitions: Mapping[str, Any], way: tuple[str, ...]) -> list[tuple[str, ...]]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    own = [way] if schema.get("type") == "array" else []
    inner = ((name, one) for name, one in schema.get("properties", {}).items())
    return own + [found for name, one in inner for found in _lists(one, definitions, (*way, name))]


LISTS: Final = [(event, way) for event in SPOKEN for way in lists_of(event)]


def test_there_are_lists_to_try() -> None:
    assert len(LISTS) >= 10
    assert ("mandate", "sellers") in {way for _, way in LISTS}


@pytest.mark.parametrize("item", ["{}", "-1", '""', "[]"], ids=["objects", "numbers", "texts", "lists"])
@pytest.mark.parametrize(("event", "way"), LISTS, ids=[f"{event.__name__}.{'.'.join(way)}" for event, way in LISTS])
def test_a_list_as_long_as_a_record_of_nothing_that_fits_is_refused_at_its_first_item(
    event: type[Event], way: tuple[str, ...], item: str
) -> None:
    """Its first item is enough to refuse it: to go on would take seconds and hundreds of megabytes."""
    one = golden(event)[-1]
    said: dict[str, Any] = json.loads(one.value or b"")
    inside = said["data"]
    for name in way[:-1]:
        inside = inside[name]
    inside[way[-1]] = "@"
    room = EVENT_BYTES_MAX - len(json.dumps(said))
    filled = json.dumps(said).replace('"@"', "[" + ",".join([item] * (room // (len(item) + 1))) + "]")
    with pytest.raises(ValidationError) as refused:
        openers((event,))[event.wire_name](bytes(read_envelope(filled.encode()).data))
    assert refused.value.error_count() < 10  # those of one item
    with pytest.raises(Undecodable, match=r": data\."):
        Codec((event,), ()).open(record(one.key, filled.encode(), one.headers))


def test_the_reason_is_kept_however_long_the_type_is() -> None:
    (one, *_) = golden(SPOKEN[0])
    said = {**json.loads(one.value or b""), "type": "x" * 5_000, "readableas": SPOKEN[0].wire_name, "data": {}}
    with pytest.raises(Undecodable, match=r"^x{100}: data\.[a-z_]+: Field required$"):
        Codec((SPOKEN[0],), ()).open(one._replace(value=json.dumps(said).encode()))


class _Raising(Codec):
    def open(self, record: object) -> None:
        raise ValueError(str(record)[:5])


class _Vague(Codec):
    def open(self, record: object) -> None:
        raise Undecodable(f"something about {str(record)[:0]}")


def test_the_fuzzer_fails_where_anything_else_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.by_chance.Opening", lambda *_: Opening({"shop": _Raising((), ())}))
    monkeypatch.setattr("tests.fuzz.by_chance.corpus", lambda: RECORDS[:1])
    with pytest.raises(Exception, match="shop: ValueError: "):
        by_chance.run(1, 1)


def test_the_fuzzer_fails_on_what_is_slow_large_vague_or_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    opening = Opening({"shop": _Vague((), ())})
    run = Run("a run", opening)
    opening.open(RECORDS[0])
    opening.inputs += 1
    opening.slowest_seconds = 1.5
    monkeypatch.setattr("tests.fuzz.report.peak_mb", lambda: run.began_mb + 300)
    assert run.failures() == [
        "an input took 1.5 s, more than 1.0 s",
        "memory grew by 300 MB, more than 256 MB",
        "not every opening came to an end that was counted",
        "1 dead letters for a reason that is not in the table",
    ]
