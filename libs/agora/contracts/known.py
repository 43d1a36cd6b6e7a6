"""Which events there are, in every version, and who says and hears them."""

from typing import Final

from agora import control, discovery
from agora.event import Event
from agora.parking import CONTROLS
from agora.requests import Submitted
from agora.turns import members

RUNTIME: Final = "runtime"
"""Who says and hears the runtime's own events, beside the services: a part of every process."""


def current() -> tuple[type[Event], ...]:
    """The latest version of every event of all services and of the runtime, by name."""
    found = {event for service in discovery.services() for event in service.events}
    return tuple(sorted(found | {*control.EVENTS, Submitted}, key=lambda event: event.__name__))


def versions() -> tuple[type[Event], ...]:
    """Every version of every event, the latest of each first."""
    return tuple(version for event in current() for version in event.lineage())


def hearers(event: str) -> tuple[str, ...]:
    """The services that hear the event of this name, and the runtime where its part of every service does."""
    heard = tuple(service.name for service in discovery.services() if event in _names(service.consumes))
    return (*heard, RUNTIME) if event in _names(CONTROLS) else heard


def tellers(event: str) -> tuple[str, ...]:
    """The services that say the event of this name. What nobody publishes, its hearer says to itself.

    Such is a reminder, and a request at the door.
    """
    if event == control.ErrorOccurred.__name__:
        return (RUNTIME,)
    said = tuple(service.name for service in discovery.services() if event in _names(service.publishes))
    return said or hearers(event)


def _names(events: object) -> frozenset[str]:
    return frozenset(event.__name__ for event in members(events))
