"""Records are CloudEvents 1.0: to the official schema, to the official SDK, and from that SDK's own writing."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.bindings.kafka import KafkaMessage
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1 import kafka as earlier
from cloudevents.v1.http import CloudEvent as EarlierEvent
from jsonschema_rs import Draft7Validator

from agora.envelope import CONTENT_TYPE, Envelope, Undecodable, envelope_of
from agora.event import Event
from agora.memory import MemoryRecord
from agora.wire import Codec, Heard
from tests.fuzz.corpus import SPOKEN, golden, record

SCHEMA: Final = Draft7Validator(
    json.loads((Path(__file__).parent / "vendor" / "cloudevents-1.0.schema.json").read_text()), validate_formats=True
)
EVERY_EVENT: Final = pytest.mark.parametrize("event", SPOKEN, ids=[event.wire_name for event in SPOKEN])
Writer = Callable[[dict[str, Any], dict[str, Any]], MemoryRecord]


def opened(event: type[Event], one: MemoryRecord) -> Heard:
    heard = Codec((event,), ()).open(one)
    assert heard is not None
    return heard


def members(one: MemoryRecord) -> dict[str, Any]:
    return json.loads(one.value or b"")


def apart(one: MemoryRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of a record in structured mode, and its data."""
    attributes = members(one)
    return attributes, attributes.pop("data")


@EVERY_EVENT
def test_a_record_passes_the_official_schema(event: type[Event]) -> None:
    for one in golden(event):
        assert [error.message for error in SCHEMA.iter_errors(members(one))] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("id", ""), ("source", None), ("type", 1), ("time", "yesterday"), ("dataschema", "no URI"), ("subject", "")],
)
def test_the_official_schema_tells_what_is_none(name: str, value: object) -> None:
    (one, *_) = golden(SPOKEN[0])
    assert not SCHEMA.is_valid({**members(one), name: value})


@EVERY_EVENT
def test_the_names_and_types_of_attributes_are_those_of_cloudevents(event: type[Event]) -> None:
    for one in golden(event):
        attributes, _ = apart(one)
        assert all(name.isascii() and name.isalnum() and name.islower() and len(name) <= 20 for name in attributes)
        assert {type(value) for value in attributes.values()} == {str}
        assert one.headers == (("content-type", CONTENT_TYPE.encode()),)


@EVERY_EVENT
def test_the_official_sdk_opens_a_record(event: type[Event]) -> None:
    for one in golden(event):
        found = kafka.from_kafka_event(KafkaMessage(dict(one.headers), one.key, one.value or b""))
        attributes, data = apart(one)
        attributes["time"] = datetime.fromisoformat(attributes["time"])
        assert isinstance(found, CloudEvent)
        assert found.get_attributes() == {**attributes, "partitionkey": (one.key or b"").decode()}
        assert found.get_data() == data
        assert event.model_validate_json(json.dumps(data)) == opened(event, one).event


def structured(attributes: dict[str, Any], data: dict[str, Any]) -> MemoryRecord:
    return _written(kafka.to_structured_event(_sdk_event(attributes, data), key_mapper=_subject))


def binary(attributes: dict[str, Any], data: dict[str, Any]) -> MemoryRecord:
    return _written(kafka.to_binary_event(_sdk_event(attributes, data), key_mapper=_subject))


def structured_from_bytes(attributes: dict[str, Any], data: dict[str, Any]) -> MemoryRecord:
    """A program that holds its data as bytes: the SDK writes ``data_base64``."""
    return _written(kafka.to_structured_event(_sdk_event(attributes, json.dumps(data).encode()), key_mapper=_subject))


def binary_from_bytes(attributes: dict[str, Any], data: dict[str, Any]) -> MemoryRecord:
    return _written(kafka.to_binary_event(_sdk_event(attributes, json.dumps(data).encode()), key_mapper=_subject))


def structured_earlier(attributes: dict[str, Any], data: dict[str, Any]) -> MemoryRecord:
    """The SDK before version 2 gives the data's content type as the record's."""
    return _earlier(earlier.to_structured(EarlierEvent(attributes, data)), attributes)


def binary_earlier(attributes: dict[str, Any], data: dict[str, Any]) -> MemoryRecord:
    return _earlier(earlier.to_binary(EarlierEvent(attributes, data)), attributes)


WRITERS: Final = (structured, binary, structured_from_bytes, binary_from_bytes, structured_earlier, binary_earlier)


@pytest.mark.parametrize("writer", WRITERS, ids=[writer.__name__ for writer in WRITERS])
@EVERY_EVENT
def test_what_the_official_sdk_writes_is_read_as_the_same_event(event: type[Event], writer: Writer) -> None:
    for one in golden(event):
        ours, theirs = opened(event, one), opened(event, writer(*apart(one)))
        assert theirs.event == ours.event
        assert theirs._replace(record=ours.record, event=ours.event) == ours


def _sdk_event(attributes: dict[str, Any], data: dict[str, Any] | bytes) -> CloudEvent:
    return CloudEvent({**attributes, "time": datetime.fromisoformat(attributes["time"])}, data)


def _subject(event: Any) -> str | None:
    return event.get_subject()


def _written(message: KafkaMessage) -> MemoryRecord:
    return record(cast("str", message.key).encode(), message.value, tuple(message.headers.items()))


def _earlier(message: earlier.KafkaMessage, attributes: dict[str, Any]) -> MemoryRecord:
    value = message.value.encode() if isinstance(message.value, str) else message.value
    return record(attributes["subject"].encode(), value, tuple(message.headers.items()))


OPTIONAL: Final = ("subject", "time", "datacontenttype", "dataschema", "correlationid", "traceparent", "sequence")


def test_null_is_read_as_an_attribute_that_is_not_there() -> None:
    (one, *_) = golden(SPOKEN[0])
    for name in OPTIONAL:
        said = members(one)
        without = {key: value for key, value in said.items() if key != name}
        assert SCHEMA.is_valid({**said, name: None})
        assert _attributes({**said, name: None}) == _attributes(without)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_an_attribute_that_must_be_there_is_not_null(name: str) -> None:
    (one, *_) = golden(SPOKEN[0])
    with pytest.raises(Undecodable, match=f"no CloudEvent: Object missing required field `{name}`"):
        _attributes({**members(one), name: None})


def _attributes(said: dict[str, Any]) -> dict[str, Any]:
    key = str(said.get("subject") or "").encode()
    try:
        envelope = envelope_of(record(key or b"?", json.dumps(said).encode()))
    except Undecodable as undecodable:
        if "is not the record's key" in str(undecodable):
            return {"reason": str(undecodable)}
        raise
    return {name: getattr(envelope, name) for name in Envelope.__struct_fields__ if name != "data"}


@pytest.mark.parametrize("content_type", [CONTENT_TYPE, "application/cloudevents+json", "Application/CloudEvents+JSON"])
def test_the_content_type_says_the_mode_even_where_headers_repeat_the_attributes(content_type: str) -> None:
    """The Kafka binding lets a record in structured mode bear the headers of the binary mode as well."""
    for one in golden(SPOKEN[0]):
        attributes, _ = apart(one)
        repeated = [(f"ce_{name}", text.encode()) for name, text in attributes.items() if name != "datacontenttype"]
        again = one._replace(headers=(*repeated, ("content-type", content_type.encode())))
        assert opened(SPOKEN[0], again).event == opened(SPOKEN[0], one).event


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"data_base64": "e30="}, "no CloudEvent: both data and data_base64"),
        ({"data_base64": "e3*0=", "data": None}, "no CloudEvent: "),
        ({"data_base64": "/w==", "data": None}, "data.: Invalid JSON"),
    ],
    ids=["both", "no base64", "no JSON"],
)
def test_data_in_base64_that_cannot_be_read_is_refused(changed: dict[str, Any], reason: str) -> None:
    (one, *_) = golden(SPOKEN[0])
    said = {name: value for name, value in {**members(one), **changed}.items() if value is not None}
    with pytest.raises(Undecodable, match=reason):
        opened(SPOKEN[0], one._replace(value=json.dumps(said).encode()))
