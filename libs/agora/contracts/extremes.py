"""The least and the most that an event can say, made from nothing but its class.

A field may bring ``examples`` of its own, as JSON Schema has them; they are taken first.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from agora.event import Event

E = TypeVar("E", bound=Event)

ITEMS: Final = 2
"""How many items the longest lists have, where they may."""
TRIES_MAX: Final = 10_000
DATE_TIMES: Final = ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678901Z")
TEXTS: Final = ("GBP", "A", "a", "1", "ABC-1", "2026-01-02")
"""What is tried where a pattern does not take a name."""


class NothingSound(Exception):
    """No value was found that a class takes; the message says what to do."""


def least(event: type[E]) -> E:
    """What can be left out is, and lists are as short as may be. Raises ``NothingSound``."""
    return _sound(event, full=False)


def most(event: type[E]) -> E:
    """Every field is set, and lists have several items where they may. Raises ``NothingSound``."""
    return _sound(event, full=True)


def _sound(event: type[E], *, full: bool) -> E:
    """The first that the class takes: a rule that its schema does not show may want a word from its package."""
    schema = event.model_json_schema()
    value = _Maker(schema.get("$defs", {}), full=full).make(schema, event.__name__)
    try:
        return event.model_validate_json(json.dumps(value))
    except ValidationError:
        for varied in islice(_varied(value, _words(event)), TRIES_MAX):
            try:
                return event.model_validate_json(json.dumps(varied))
            except ValidationError:
                continue
    raise NothingSound(f"{event.wire_name}: no value found that it takes; give its fields `examples`")


@dataclass(frozen=True, slots=True)
class _Maker:
    definitions: Mapping[str, Any]
    full: bool

    def make(self, schema: Mapping[str, Any], name: str, number: int = 1) -> Any:
        """One value of a schema; ``number`` tells the items of a list apart."""
        if examples := schema.get("examples"):
            return examples[min(number, len(examples)) - 1]
        if reference := schema.get("$ref"):
            return self.make(self.definitions[reference.rpartition("/")[2]], name, number)
        if values := [schema["const"]] if "const" in schema else schema.get("enum"):
            return values[-1 if self.full else 0]
        if branches := schema.get("anyOf") or schema.get("oneOf"):
            return self._branch(branches, name, number)
        return self._typed(schema, name, number)

    def _branch(self, branches: list[Mapping[str, Any]], name: str, number: int) -> Any:
        values = [branch for branch in branches if branch.get("type") != "null"]
        if not values or (len(values) < len(branches) and not self.full):
            return None
        return self.make(values[-1 if self.full else 0], name, number)

    def _typed(self, schema: Mapping[str, Any], name: str, number: int) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, number)
            case "array":
                return self._array(schema, name)
            case "string":
                return self._text(schema, name, number)
            case "integer" | "number" as kind:
                return _within(schema, number + (1 if kind == "integer" else 0.5) * self.full)
            case kind:
                return self.full if kind == "boolean" else None

    def _object(self, schema: Mapping[str, Any], number: int) -> dict[str, Any]:
        fields: Mapping[str, Any] = schema.get("properties", {})
        wanted = fields if self.full else schema.get("required", ())
        return {name: self.make(fields[name], name, number) for name in wanted}

    def _array(self, schema: Mapping[str, Any], name: str) -> list[Any]:
        if "prefixItems" in schema:
            return [self.make(item, name, place + 1) for place, item in enumerate(schema["prefixItems"])]
        shortest = schema.get("minItems", 0)
        count = min(max(ITEMS, shortest), schema.get("maxItems", ITEMS)) if self.full else shortest
        return [self.make(schema.get("items", {}), name, place + 1) for place in range(count)]

    def _text(self, schema: Mapping[str, Any], name: str, number: int) -> str:
        if schema.get("format") == "date-time":
            return DATE_TIMES[self.full]
        pattern, shortest = schema.get("pattern", ""), schema.get("minLength", 0)
        named = (f"{name} é-{number}", f"{name}-{number}") if self.full else (name[:1],)
        for text in (*named, *TEXTS):
            fitting = text.ljust(shortest, "x")[: schema.get("maxLength")]
            if re.search(pattern, fitting):
                return fitting
        raise NothingSound(f"field '{name}': no text known that fits {pattern!r}; give it `examples`")


def _within(schema: Mapping[str, Any], wanted: float) -> float:
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", wanted - 1) + 1)
    highest = schema.get("maximum", schema.get("exclusiveMaximum", wanted + 1) - 1)
    return min(max(wanted, lowest), highest)


def _varied(value: Any, words: tuple[str, ...]) -> Iterator[Any]:
    """The value with one of its texts replaced by one of the words, everywhere and every way."""
    if isinstance(value, str):
        yield from words
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from ({**value, name: varied} for varied in _varied(part, words))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from ([*value[:place], varied, *value[place + 1 :]] for varied in _varied(part, words))


def _words(event: type[Event]) -> tuple[str, ...]:
    """Every text in a constant collection of the event's package, such as its payment methods."""
    package = event.__module__.partition(".")[0]
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == package]
    constants = [constant for module in modules for constant in vars(module).values()]
    collections = [constant for constant in constants if isinstance(constant, frozenset | set | tuple | list)]
    return tuple(sorted({word for collection in collections for word in collection if isinstance(word, str)}))
