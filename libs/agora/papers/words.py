"""An example of any event, made from its schema and a few words of the language; the same one every time."""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from agora.contracts.schema import JsonSchema, contract_of
from agora.event import Event, fault_of

E = TypeVar("E", bound=Event)

LEAST: Final[Mapping[str, Any]] = {"string": "text", "integer": 1, "number": 1, "boolean": True, "null": None}
A_TIME: Final = "2010-12-01T08:26:00Z"


class NoExample(Exception):
    """The words give no sound example of an event; the message says of which field, and why."""


def example_of(event: type[E], words: Mapping[str, Any]) -> E:
    """Make an example of ``event`` in which no list is empty. Raises ``NoExample``.

    ``words`` gives values by the name of a field, at any depth; any other field gets the least its schema allows.
    """
    schema = contract_of(event).written
    data = _value(schema, event.__name__, schema.get("$defs", {}), words)
    try:
        return event.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise NoExample(f"{event.wire_name}: data.{fault_of(error)}; give a value for it in the words") from None


def _value(schema: JsonSchema, name: str, definitions: Mapping[str, JsonSchema], words: Mapping[str, Any]) -> Any:
    if name in words:
        return words[name]
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return _value(schema["anyOf"][0], name, definitions, words)
    match schema.get("type"):
        case "object":
            fields: Mapping[str, JsonSchema] = schema.get("properties", {})
            return {field: _value(inner, field, definitions, words) for field, inner in fields.items()}
        case "array":
            return [_value(schema["items"], name, definitions, words)]
        case kind:
            return _least(schema, str(kind))


def _least(schema: JsonSchema, kind: str) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return A_TIME
    return schema.get("minimum", LEAST.get(kind))
