"""Opening events of every version: old ones are said again in the words of today."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from pydantic_core import SchemaValidator

from agora.event import Event

Opener: TypeAlias = Callable[[bytes], Event]
"""JSON of one version's fields in, an event of the latest version out. Raises pydantic's ``ValidationError``."""

_LISTS: Final = frozenset({"list", "tuple", "set", "frozenset"})


class Unread(Event):
    """Stands in for an event that another release may be able to read; its turn fails, which parks the agent."""

    reason: str


def openers(events: Iterable[type[Event]]) -> Mapping[str, Opener]:
    """How to open each of these events, and every earlier version of them, by wire name."""
    return {
        version.wire_name: _opener(event.lineage()[: distance + 1])
        for event in events
        for distance, version in enumerate(event.lineage())
    }


def split(wire_name: str) -> tuple[str, int]:
    """The name and version in a wire name; version 0 if it is none."""
    name, _, version = wire_name.rpartition(".v")
    known = version.isascii() and version.isdigit() and len(version) <= 9  # noqa: PLR2004 - no version is that high
    return name or wire_name, int(version) if name and known else 0


def _opener(steps: tuple[type[Event], ...]) -> Opener:
    """Validate as the last of ``steps``, then upcast from each to the one before it."""
    schema = _until_a_fault(steps[-1].__pydantic_core_schema__)
    validate: Any = SchemaValidator(schema, _use_prebuilt=False).validate_json  # else the class's own is taken instead
    if len(steps) == 1:
        return validate
    later = tuple(reversed(steps[:-1]))

    def opened(data: bytes) -> Event:
        event: Event = validate(data)
        for version in later:
            event = version.upcast(event)
        return event

    return opened


def _until_a_fault(schema: Any) -> Any:
    """The same core schema, but no list is read on after an item that does not fit.

    One record has room for 300,000 of them, and to tell of each would take seconds and a gigabyte.
    """
    if isinstance(schema, list):
        return [_until_a_fault(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: _until_a_fault(part) for key, part in schema.items()}
    return {**parts, "fail_fast": True} if schema.get("type") in _LISTS else parts
