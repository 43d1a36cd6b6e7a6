"""The schemas of an AsyncAPI document: one of each event's data, one of the envelope around it, no ``$defs``."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from agora.contracts.schema import JsonSchema, contract_of
from agora.envelope import EVENT_BYTES_MAX, HEADERS, ID_CHARS_MAX, SPECVERSION
from agora.event import Event

SCHEMAS: Final = "#/components/schemas/"
ENVELOPE: Final = "CloudEvent"
_NAME: Final[JsonSchema] = {"type": "string", "minLength": 1, "maxLength": ID_CHARS_MAX}
ATTRIBUTES: Final[Mapping[str, JsonSchema]] = {
    "specversion": {"const": SPECVERSION, "description": "The version of CloudEvents."},
    "id": {**_NAME, "description": "Names the record within its source; the number in the source's outbox."},
    "source": {**_NAME, "description": "The service and partition it comes from, such as `transaction-3`."},
    "type": {"type": "string", "description": "The event's name and version, such as `OrderPlaced.v1`."},
    "subject": {**_NAME, "description": "The agent that is told. It is the record's key."},
    "time": {"type": "string", "format": "date-time", "description": "When the turn was taken that says it."},
    "datacontenttype": {"const": "application/json", "description": "What `data` is."},
    "dataschema": {"type": "string", "format": "uri", "description": "Names the schema of `data`."},
    "correlationid": {"type": "string", "maxLength": ID_CHARS_MAX, "description": "The story it belongs to."},
    "causationid": {"type": "string", "description": "Source and id of the event that caused it: `source/id`."},
    "traceparent": {"type": "string", "description": "The W3C trace context of the story."},
    "sequence": {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "The number in the source's outbox, without gaps. A record is heard once per number.",
    },
    "readableas": {
        "type": "string",
        "description": "The earlier versions as which `data` may be read, latest first, comma-separated.",
    },
    "data": {"type": "object", "description": "The event's own fields."},
}
"""Every attribute that the runtime writes, in that order."""
LEFT_OUT: Final = frozenset({"readableas"})
"""Attributes that are written only where there is something to say."""
KEY: Final[JsonSchema] = {**_NAME, "description": "The id of the agent that is told: the subject of the CloudEvent."}
HEADER_SCHEMA: Final[JsonSchema] = {
    "type": "object",
    "required": [name for name, _ in HEADERS],
    "properties": {name: {"const": value.decode()} for name, value in HEADERS},
}


def envelope() -> JsonSchema:
    """What is around every event."""
    return {
        "type": "object",
        "description": f"CloudEvents {SPECVERSION}, structured JSON, of at most {EVENT_BYTES_MAX:,} bytes. "
        "Another producer may leave `sequence` out; where it leaves `correlationid` out, it begins a story.",
        "required": [name for name in ATTRIBUTES if name not in LEFT_OUT],
        "properties": dict(ATTRIBUTES),
    }


def payload(event: type[Event]) -> JsonSchema:
    """The value of one event's record: the envelope, and its data."""
    narrowed = {
        "type": {"const": event.wire_name},
        "dataschema": {"const": f"urn:agora:{event.wire_name}"},
        "data": {"$ref": SCHEMAS + event.wire_name},
    }
    return {"allOf": [{"type": "object", "properties": narrowed}, {"$ref": SCHEMAS + ENVELOPE}]}


def data_schemas(events: Iterable[type[Event]]) -> dict[str, JsonSchema]:
    """What each event promises, by wire name, and what these schemas have in common.

    A definition that two events give the same name but another meaning is named for its event, too. Nothing forbids
    further fields: whoever reads by this document must pass over what a later release may add.
    """
    promised = {event.wire_name: _promised(event) for event in events}
    meanings: dict[str, set[str]] = {}
    for schema in promised.values():
        for name, definition in schema["$defs"].items():
            meanings.setdefault(name, set()).add(json.dumps(definition, sort_keys=True))
    found: dict[str, JsonSchema] = {}
    for wire_name, schema in promised.items():
        names = {name: name if len(meanings[name]) == 1 else f"{wire_name}.{name}" for name in schema["$defs"]}
        for name, definition in schema.pop("$defs").items():
            found[names[name]] = _linked(definition, names)
        found[wire_name] = _linked(schema, names)
    return dict(sorted(found.items()))


def _promised(event: type[Event]) -> JsonSchema:
    """The contract, with its words for people put back."""
    schema, told = contract_of(event).written, event.model_json_schema(mode="serialization")
    definitions = {
        name: {**_described(told["$defs"][name]), **definition} for name, definition in schema.get("$defs", {}).items()
    }
    plain = {key: value for key, value in schema.items() if key not in {"$schema", "$id"}}
    return {**_described(told), **plain, "$defs": definitions}


def _described(schema: Mapping[str, Any]) -> JsonSchema:
    return {"description": " ".join(schema["description"].split())} if "description" in schema else {}


def _linked(schema: Any, names: Mapping[str, str]) -> Any:
    """Point references to the document's own schemas, and leave every object open."""
    if isinstance(schema, list):
        return [_linked(one, names) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    linked = {key: _linked(value, names) for key, value in schema.items() if (key, value) != _CLOSED}
    if "$ref" in linked:
        linked["$ref"] = SCHEMAS + names[linked["$ref"].rpartition("/")[2]]
    return linked


_CLOSED: Final = ("additionalProperties", False)
