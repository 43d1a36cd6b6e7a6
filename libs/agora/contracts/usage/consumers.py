"""What each service depends on: the fields its decision really reads of every event that it hears."""

from collections.abc import Iterator
from typing import TypeAlias

from agora import discovery
from agora.contracts.compare import Json
from agora.contracts.known import RUNTIME
from agora.contracts.usage.functions import fields_read
from agora.parking import CONTROLS
from agora.service import Service
from agora.turns import members

Consumers: TypeAlias = dict[str, dict[str, list[str]]]
"""Service, name of an event, dotted paths of fields in alphabetical order; a list of things is one field."""


def consumers() -> Consumers:
    """What every service reads as its code stands, and the runtime."""
    found = {service.name: reads_of(service) for service in discovery.services()}
    # The runtime obeys an operator's word by itself, in every service, and reads all of it.
    return found | {RUNTIME: {control.__name__: sorted(control.model_fields) for control in CONTROLS}}


def reads_of(service: Service) -> dict[str, list[str]]:
    """What one service's decision reads of each event that it hears."""
    read = fields_read(service.decide, members(service.consumes))
    return {event.__name__: paths for event, paths in sorted(read.items(), key=lambda item: item[0].__name__)}


def readers(consumers: Json, event: str, field: str) -> tuple[str, ...]:
    """The services that read a field of an event, or anything in it, or what it is in; any field if it is empty.

    ``field`` is a dotted path in which ``[]`` may stand for the items of a list.
    """
    wanted = _steps(field)
    return tuple(
        service
        for service, paths in _hearing(consumers, event)
        if not wanted or any(_meet(wanted, _steps(path)) for path in paths)
    )


def hearers(consumers: Json, event: str) -> tuple[str, ...]:
    """The services that hear an event, whatever they read of it."""
    return tuple(service for service, _ in _hearing(consumers, event))


def _hearing(consumers: Json, event: str) -> Iterator[tuple[str, list[str]]]:
    return ((service, events[event]) for service, events in sorted(consumers.items()) if event in events)


def _steps(path: str) -> list[str]:
    return [step for step in path.replace("[]", "").split(".") if step]


def _meet(one: list[str], other: list[str]) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))
