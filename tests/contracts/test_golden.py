"""Golden samples: every record that was ever frozen opens today, means the same, and is written again the same."""

import json
from typing import Any

import jsonschema_rs
import pytest

from agora.contracts import frozen
from agora.contracts.golden import Changed, codec, hold
from agora.contracts.known import current, versions
from agora.contracts.samples import Sample
from agora.envelope import HEADERS, read_envelope
from agora.event import Event
from agora.wire import data_of

FROZEN = frozen.load(frozen.folder())
CLASSES = {event.wire_name: event for event in versions()}
GOLDEN = {
    f"{wire_name}/{name}": (wire_name, kept.sample(name))
    for wire_name, kept in FROZEN.items()
    for name in kept.files
    if frozen.SAMPLE.fullmatch(name)
}


def fields(sample: Sample) -> Any:
    return json.loads(bytes(read_envelope(sample.value.encode()).data))


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_record_opens_as_the_event_of_today(name: str) -> None:
    wire_name, sample = GOLDEN[name]
    heard = codec().open(sample.record)
    assert heard is not None
    assert type(heard.event) in current()
    assert type(heard.event).__name__ == CLASSES[wire_name].__name__
    assert (heard.type, heard.subject) == (wire_name, sample.key)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_record_is_written_again_as_it_was(name: str) -> None:
    wire_name, sample = GOLDEN[name]
    again = CLASSES[wire_name].model_validate_json(json.dumps(fields(sample)))
    assert json.loads(data_of(again)) == fields(sample)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_record_is_what_both_schemas_allow(name: str) -> None:
    wire_name, sample = GOLDEN[name]
    for schema in (FROZEN[wire_name].contract.written, FROZEN[wire_name].contract.read):
        jsonschema_rs.validator_for(schema, validate_formats=True).validate(fields(sample))


@pytest.mark.parametrize("wire_name", CLASSES)
def test_a_version_has_a_golden_record_of_the_least_and_one_of_the_most_that_it_says(wire_name: str) -> None:
    least, most = ([one for of, one in GOLDEN.values() if of == wire_name][end] for end in (0, -1))
    assert fields(least) != fields(most)
    assert _filled(CLASSES[wire_name], fields(most))


def test_the_headers_are_those_that_every_record_has() -> None:
    headers = tuple((name, text.decode()) for name, text in HEADERS)
    assert {sample.headers for _, sample in GOLDEN.values()} == {headers}


def test_a_record_that_would_be_written_otherwise_is_told() -> None:
    """An integer that is read as another one, say, because a unit was changed."""

    class StockReplenished(Event):
        product: str
        quantity: float

    sample = GOLDEN["StockReplenished.v1/sample-1.json"][1]
    with pytest.raises(Changed, match=r"\$\.quantity was 1 and is written again as 1\.0"):
        hold(StockReplenished, FROZEN["StockReplenished.v1"], sample)


def _filled(event: type[Event], data: dict[str, Any]) -> bool:
    """No field is left out, and none that may have a value is empty."""
    return set(data) == set(event.model_fields) and None not in data.values()
