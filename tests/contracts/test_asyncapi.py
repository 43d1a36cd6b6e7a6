"""The AsyncAPI document: sound by the official schema, complete by the code, true of real records."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import pytest
from jsonschema_rs import Draft7Validator
from pydantic import Field

from agora.control import ERRORS, ErrorOccurred
from agora.discovery import services
from agora.event import Event, Stream, Subject
from agora.papers.asyncapi import document
from agora.papers.asyncapi_schemas import ATTRIBUTES, data_schemas
from agora.papers.choreography import choreography
from agora.papers.words import NoExample
from agora.parking import CONTROLS
from agora.requests import Submitted
from agora.service import Service
from agora.turns import members
from agora.wire import Cause, Codec, seal, trace_of
from console.docs import market
from market.catalogue import EVENTS, OUTCOMES, REMINDERS, RETIRED
from market.examples import WORDS
from tests.contracts.quiet import Quiet, quiet

OFFICIAL: Final = Path(__file__).parent / "vendor" / "asyncapi-3.0.0.schema.json"
MARKET: Final = market()
DOCUMENT: Final[dict[str, Any]] = document(MARKET, WORDS, {"title": "Agora", "version": "1"})
MESSAGES: Final[dict[str, Any]] = DOCUMENT["components"]["messages"]
SAID: Final = {
    old.wire_name: event
    for event in (*EVENTS, *CONTROLS, ErrorOccurred)
    for old in event.lineage()
    if event not in RETIRED
}
"""The latest version of an event, by the wire name of every version."""


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")), offline=True)


def at(pointer: str, whole: dict[str, Any] = DOCUMENT) -> Any:
    """What a reference such as ``#/channels/buyers`` points at."""
    found: Any = whole
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
        yield from (pointer for value in part.values() for pointer in references(value))
    elif isinstance(part, list):
        yield from (pointer for value in part for pointer in references(value))


def named(operation: str) -> set[str]:
    """The messages of an operation, by their references through its channel."""
    found = DOCUMENT["operations"][operation]
    prefix = f"{found['channel']['$ref']}/messages/"
    assert all(message["$ref"].startswith(prefix) for message in found["messages"])
    return {message["$ref"].removeprefix(prefix) for message in found["messages"]}


def validator(pointer: str) -> Draft7Validator:
    return Draft7Validator({"$ref": pointer, "components": DOCUMENT["components"]}, offline=True)


def test_the_document_is_sound_by_the_official_schema(official: Draft7Validator) -> None:
    assert [f"{error.instance_path}: {error.message}" for error in official.iter_errors(DOCUMENT)] == []


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("#", "asyncapi"),
        ("#/info", "title"),
        ("#/operations/buyer.hears", "action"),
        ("#/operations/buyer.hears", "channel"),
        ("#/servers/kafka", "protocol"),
    ],
)
def test_a_document_without_what_it_needs_is_not_sound(official: Draft7Validator, place: str, key: str) -> None:
    broken = deepcopy(DOCUMENT)
    del (broken if place == "#" else at(place, broken))[key]
    assert not official.is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > len(EVENTS)
    assert all(at(pointer) is not None for pointer in found)


def test_there_is_one_channel_per_stream_and_one_message_per_event() -> None:
    assert set(DOCUMENT["channels"]) == {service.stream.name for service in services()} | {ERRORS.name}
    assert set(MESSAGES) == set(SAID)
    assert all(channel["bindings"]["kafka"]["topic"] == name for name, channel in DOCUMENT["channels"].items())


@pytest.mark.parametrize("service", [service for service in services() if not service.ingress], ids=lambda s: s.name)
def test_a_service_receives_what_it_consumes_as_its_own_group(service: Service) -> None:
    operation = DOCUMENT["operations"][f"{service.name}.hears"]
    assert named(f"{service.name}.hears") == {
        old.wire_name for event in (*members(service.consumes), *CONTROLS) for old in event.lineage()
    }
    assert operation["channel"] == {"$ref": f"#/channels/{service.stream.name}"}
    assert operation["bindings"]["kafka"]["groupId"]["enum"] == [service.name]


@pytest.mark.parametrize("service", services(), ids=lambda service: service.name)
def test_a_service_sends_what_it_publishes_to_every_stream_concerned(service: Service) -> None:
    prefix = f"{service.name}.says."
    sent = {name.removeprefix(prefix): named(name) for name in DOCUMENT["operations"] if name.startswith(prefix)}
    own = {event.wire_name for event in members(service.consumes) if event in (*REMINDERS, *OUTCOMES)}
    said = {event.wire_name for event in members(service.publishes)} | {ErrorOccurred.wire_name} | own
    assert {name for names in sent.values() for name in names} == said
    assert sent["errors"] == {"ErrorOccurred.v1"}


def test_an_event_is_in_the_stream_of_every_subject_it_concerns() -> None:
    found = [name for name, channel in DOCUMENT["channels"].items() if "TransactionCancelled.v1" in channel["messages"]]
    assert found == ["buyers", "products", "transactions"]


def test_what_comes_in_at_the_door_is_in_no_stream() -> None:
    assert Submitted.wire_name not in json.dumps(DOCUMENT)


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_is_a_record_that_its_own_schema_and_every_reader_accept(name: str) -> None:
    (example,) = MESSAGES[name]["examples"]
    payload = example["payload"]
    assert [error.message for error in validator(f"#/components/messages/{name}/payload").iter_errors(payload)] == []
    assert validator(f"#/components/messages/{name}/headers").is_valid(example["headers"])
    heard = Codec([SAID[name]], []).open(Quiet.record(payload, example["headers"]))
    assert heard is not None
    assert type(heard.event) is SAID[name]
    assert heard.subject == payload["subject"]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_payload_without_its_data_or_of_another_type_is_refused(name: str) -> None:
    payload = MESSAGES[name]["examples"][0]["payload"]
    check = validator(f"#/components/messages/{name}/payload")
    first, *_ = payload["data"]
    assert not check.is_valid({**payload, "type": "Other.v1"})
    assert not check.is_valid(
        {**payload, "data": {key: value for key, value in payload["data"].items() if key != first}}
    )
    assert not check.is_valid({key: value for key, value in payload.items() if key != "sequence"})


def test_a_reader_by_the_document_passes_over_fields_that_a_later_release_adds() -> None:
    payload = MESSAGES["OrderPlaced.v1"]["examples"][0]["payload"]
    later = {**payload, "later": 1, "data": {**payload["data"], "later": 1}}
    assert validator("#/components/messages/OrderPlaced.v1/payload").is_valid(later)


@pytest.mark.parametrize("name", MESSAGES)
def test_the_key_is_the_subject_and_the_story_is_found_in_the_payload(name: str) -> None:
    key, payload = MESSAGES[name]["bindings"]["kafka"]["key"], MESSAGES[name]["examples"][0]["payload"]
    assert Draft7Validator(key).is_valid(payload["subject"])
    location = at(MESSAGES[name]["correlationId"]["$ref"])["location"]
    assert payload[location.removeprefix("$message.payload#/")] == "536365"


def test_every_attribute_that_is_written_is_described() -> None:
    value = seal(Cause("2030-01-01T00:00:00Z", "s", "c/1", trace_of("", "s")), "b-0", 1, "E.v2", "B", b"{}", "E.v1")
    assert tuple(json.loads(value)) == tuple(ATTRIBUTES)


class About(Event):
    """Concerns one subject of the stream ``things``."""

    thing: str

    def concerns(self) -> tuple[Subject, ...]:
        return (Stream("things")(self.thing),)


def test_every_version_can_be_received_and_the_latest_is_sent() -> None:
    first = quiet("Happened", About)
    second = quiet("Happened", About, version=2, replaces=first)
    service = Quiet.service("thing", consumes=(second,), publishes=(second,))
    found = document(choreography([service], WORDS), WORDS, {"title": "Things", "version": "1"})
    assert {"Happened.v1", "Happened.v2"} <= set(found["components"]["messages"])
    assert {"Happened.v1", "Happened.v2"} <= set(found["channels"]["things"]["messages"])
    assert found["components"]["messages"]["Happened.v1"]["deprecated"]
    heard = [message["$ref"].rpartition("/")[2] for message in found["operations"]["thing.hears"]["messages"]]
    said = [message["$ref"].rpartition("/")[2] for message in found["operations"]["thing.says.things"]["messages"]]
    assert heard[:2] == ["Happened.v2", "Happened.v1"]
    assert said == ["Happened.v2"]


def test_types_of_one_name_and_two_meanings_are_told_apart() -> None:
    wide, high = make_dataclass("Size", [("width", int)]), make_dataclass("Size", [("height", int)])
    alone, first, second = (
        quiet("Alone", About),
        quiet("First", About, {"size": wide}),
        quiet("Second", About, {"size": high}),
    )
    found = data_schemas((alone, first, second))
    assert set(found) == {"Alone.v1", "First.v1", "First.v1.Size", "Second.v1", "Second.v1.Size"}
    assert found["Second.v1"]["properties"]["size"]["$ref"] == "#/components/schemas/Second.v1.Size"
    assert set(data_schemas((alone, first))) == {"Alone.v1", "First.v1", "Size"}


def test_an_event_of_which_the_words_give_no_example_is_named_with_its_field() -> None:
    choosy = quiet("Choosy", About, {"colour": Annotated[str, Field(pattern="^blue$")]})
    with pytest.raises(NoExample, match=r"Choosy\.v1: data\.colour: .*; give a value for it in the words"):
        choreography([Quiet.service("thing", consumes=(choosy,))], {})
    assert choreography([Quiet.service("thing", consumes=(choosy,))], {"colour": "blue"}).streams[choosy] == ("things",)
