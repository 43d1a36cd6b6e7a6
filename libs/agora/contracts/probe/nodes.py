"""The part of JSON Schema 2020-12 in which events are written: what a node says, and where its references lead."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

import jsonschema_rs

from agora.contracts.compare import Json
from agora.contracts.schema import JsonSchema

REF: Final = "#/$defs/"
FORMATS: Final = frozenset({"date-time", "date", "uuid", "duration"})
TYPES: Final = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
# What may stand anywhere and limits nothing.
NOTES: Final = frozenset(
    {
        "$schema",
        "$id",
        "$defs",
        "$comment",
        "title",
        "description",
        "examples",
        "default",
        "deprecated",
        "discriminator",
    }
)
LIMITS: Final = frozenset(
    {
        *("type", "enum", "const", "properties", "required", "additionalProperties", "propertyNames"),
        *("minProperties", "maxProperties", "items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
        *("minLength", "maxLength", "pattern", "format", "multipleOf"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
)
UNIONS: Final = ("anyOf", "oneOf")

Place: TypeAlias = tuple[str, ...]


class Unsupported(ValueError):
    """A schema says something the probe does not understand, so it could miss a break; the message says where."""


class Document:
    """One schema with its definitions. Raises ``Unsupported`` for any word it would have to pass over."""

    def __init__(self, schema: JsonSchema) -> None:
        self.root = schema
        self._defs: Mapping[str, JsonSchema] = schema.get("$defs", {})
        # By identity, and the node is kept beside its validator, so that no other can take its identity over.
        self._validators: dict[int, tuple[JsonSchema, jsonschema_rs.Draft202012Validator]] = {}
        for place, node in self._nodes(schema, ()):
            self._check(place, node)

    def resolve(self, node: JsonSchema) -> JsonSchema:
        """The node itself, or what its reference leads to."""
        while "$ref" in node:
            node = self._defs[node["$ref"].removeprefix(REF)]
        return node

    def validator(self, node: JsonSchema) -> jsonschema_rs.Draft202012Validator:
        """What checks values against a node of this document; formats count."""
        found = self._validators.get(id(node))
        if found is None:
            schema = node if node is self.root else {**node, "$defs": self._defs}
            found = node, jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
            self._validators[id(node)] = found
        return found[1]

    def fits(self, node: JsonSchema, value: Json) -> bool:
        """Tell whether a node of this document allows a value."""
        return self.validator(node).is_valid(value)

    def limits(self, *words: str) -> tuple[float, ...]:
        """Every number that one of these words sets as a limit, anywhere in the document."""
        return tuple(node[word] for _, node in self._nodes(self.root, ()) for word in words if word in node)

    def _nodes(self, node: JsonSchema, place: Place) -> Iterator[tuple[Place, JsonSchema]]:
        yield place, node
        for word, inner in _inner(node):
            yield from self._nodes(inner, (*place, word))

    def _check(self, place: Place, node: JsonSchema) -> None:
        fault = next(self._faults(node), None)
        if fault is not None:
            where = ".".join(place) or "its root"
            raise Unsupported(f"{self.root.get('$id', 'a schema')}: at {where}: the probe does not understand {fault}")

    def _faults(self, node: JsonSchema) -> Iterator[str]:
        words = node.keys() - NOTES
        shapes = [word for word in ("$ref", *UNIONS) if word in words]
        if shapes and len(words) > 1:
            yield f"'{shapes[0]}' beside {', '.join(sorted(words - {shapes[0]}))}"
        elif shapes == ["$ref"]:
            if node["$ref"].removeprefix(REF) not in self._defs or not node["$ref"].startswith(REF):
                yield f"the reference {node['$ref']!r}"
        elif not shapes:
            yield from _faults(node, words)


def branches(node: JsonSchema) -> tuple[JsonSchema, ...] | None:
    """What a union is made of; ``None`` if the node is none."""
    return next((tuple(node[word]) for word in UNIONS if word in node), None)


def key(value: Json) -> str:
    """A text that two values share only if they are the same JSON: 1 and true differ."""
    return json.dumps(value, sort_keys=True)


def kind(node: JsonSchema) -> str:
    """What a node without a reference holds: a JSON type, or ``enum``, ``const``, ``union``, ``map`` or ``any``."""
    if branches(node) is not None:
        return "union"
    if "enum" in node or "const" in node:
        return "enum" if "enum" in node else "const"
    if is_map(node):
        return "map"
    return node.get("type", "string" if node.keys() & {"minLength", "maxLength"} else "any")


def is_map(node: JsonSchema) -> bool:
    """Tell whether the names in an object are data rather than fields."""
    return node.get("type") == "object" and "properties" not in node


def _faults(node: JsonSchema, words: set[str]) -> Iterator[str]:
    yield from (f"the word '{word}'" for word in sorted(words - LIMITS))
    if "type" in node and not (isinstance(node["type"], str) and node["type"] in TYPES):
        yield f"the type {node['type']!r}"
    elif words and not words & {"type", "enum", "const"} and words - {"minLength", "maxLength"}:
        yield "limits without a type"
    if node.get("format", "date-time") not in FORMATS:
        yield f"the format {node['format']!r}"
    if isinstance(node.get("items"), bool):
        yield "'items' that is no schema"
    if "pattern" in node and not _compiles(node["pattern"]):
        yield f"the pattern {node['pattern']!r}"
    if "prefixItems" in node and not len(node["prefixItems"]) == node.get("minItems") == node.get("maxItems"):
        yield "'prefixItems' without as many items"


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
        jsonschema_rs.Draft202012Validator({"pattern": pattern})
    except (re.error, ValueError):
        return False
    return True


def _inner(node: JsonSchema) -> Iterator[tuple[str, JsonSchema]]:
    for word in ("properties", "$defs"):
        yield from node.get(word, {}).items()
    for word in (*UNIONS, "prefixItems"):
        yield from ((f"{word}[{place}]", inner) for place, inner in enumerate(node.get(word, ())))
    for word in ("items", "additionalProperties", "propertyNames"):
        inner: Any = node.get(word)
        if isinstance(inner, dict):
            yield word, inner
