"""Opening events of every version: old ones are said again in the words of today."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from agora.event import Event

Opener: TypeAlias = Callable[[bytes], Event]
"""JSON of one version's fields in, an event of the latest version out. Raises pydantic's ``ValidationError``."""


class UnknownVersion(Event):
    """Stands in for an event that only a later release can read; hearing it fails the turn, which parks the agent."""

    type: str

    def __str__(self) -> str:
        return f"unknown version: {self.type}; run a release that knows it, then redrive the agent"


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
    validate: Any = steps[-1].__pydantic_validator__.validate_json
    if len(steps) == 1:
        return validate
    later = tuple(reversed(steps[:-1]))

    def opened(data: bytes) -> Event:
        event: Event = validate(data)
        for version in later:
            event = version.upcast(event)
        return event

    return opened
