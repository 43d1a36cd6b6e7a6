"""Who hears what from whom, read off the services' own code; and what in it cannot be right."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from agora.control import ERRORS, ErrorOccurred
from agora.control import EVENTS as RUNTIME_EVENTS
from agora.event import Event
from agora.papers.story import Story
from agora.papers.words import example_of
from agora.parking import CONTROLS
from agora.service import Service
from agora.turns import members


class Edge(NamedTuple):
    """One service hears one event from one service; from itself if it is a reminder or the outcome of an activity."""

    event: type[Event]
    said_by: str
    heard_by: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one service hears and says. With ``ingress`` it hears requests from outside, and no stream."""

    name: str
    stream: str
    ingress: bool
    hears: tuple[type[Event], ...]
    says: tuple[type[Event], ...]


@dataclass(frozen=True, slots=True)
class Choreography:
    """All parts together. ``streams`` says to which streams an event is addressed, in alphabetical order."""

    parts: tuple[Part, ...]
    streams: Mapping[type[Event], tuple[str, ...]]
    final: tuple[type[Event], ...]
    reminders: tuple[type[Event], ...]
    outcomes: tuple[type[Event], ...]

    @property
    def own(self) -> tuple[type[Event], ...]:
        """What an agent hears from itself: reminders that fall due, and what came of its activities."""
        return (*self.reminders, *self.outcomes)

    def part(self, service: str) -> Part:
        """The part of one service. Raises ``LookupError``."""
        for part in self.parts:
            if part.name == service:
                return part
        raise LookupError(f"no service '{service}'")

    def events(self) -> tuple[type[Event], ...]:
        """Every event that is said or heard, the runtime's last, each once."""
        found = dict.fromkeys(event for part in self.parts for event in (*part.says, *part.hears))
        return tuple(sorted(found, key=lambda event: event in RUNTIME_EVENTS))

    def said_by(self, event: type[Event]) -> tuple[str, ...]:
        """The services that say an event; of a reminder or an outcome, those that say it to themselves."""
        if event in self.own:
            return self.heard_by(event)
        return tuple(part.name for part in self.parts if event in part.says)

    def heard_by(self, event: type[Event]) -> tuple[str, ...]:
        """The services that hear an event."""
        return tuple(part.name for part in self.parts if event in part.hears)

    def asked_of(self, event: type[Event]) -> bool:
        """Whether an event comes from outside, to the door."""
        return any(part.ingress and event in part.hears for part in self.parts)

    def edges(self) -> tuple[Edge, ...]:
        """Every event from each service that says it to each that hears it."""
        return tuple(
            Edge(event, sayer, hearer)
            for event in self.events()
            for sayer in self.said_by(event)
            for hearer in self.heard_by(event)
        )

    def faults(self) -> list[str]:
        """What cannot be right, one sentence each: said to nobody, heard from nobody, addressed past its hearer."""
        return [fault for event in (*self.events(), *self.final) for fault in self._faults(event)]

    def story_faults(self, story: Story) -> list[str]:
        """Which steps of a story cannot happen in its order: a step follows from what its service has heard before."""
        faults: list[str] = []
        heard: set[str] = set()
        for number, event in enumerate(story.events):
            sayers = self.said_by(event)
            if not sayers and not self.asked_of(event):
                faults.append(f"{story.title}: {event.wire_name} is said by nobody")
            elif number and not event.command and not heard.intersection(sayers):
                faults.append(
                    f"{story.title}: {event.wire_name} is said by {_all(sayers)}, who heard of nothing before"
                )
            heard.update(self.heard_by(event))
        return faults

    def _faults(self, event: type[Event]) -> Iterator[str]:
        name, sayers, hearers = event.wire_name, self.said_by(event), self.heard_by(event)
        if event in self.final and not sayers:
            yield f"{name} is listed as final, but nobody says it"
        elif event not in self.final and not hearers:
            yield f"{name} is said by {_all(sayers)} and heard by nobody: consume it, or list it as final"
        if hearers and not sayers and not self.asked_of(event):
            yield (
                f"{name} is heard by {_all(hearers)} and said by nobody: "
                "publish it, or list it as a reminder or an outcome"
            )
        if event in self.own and any(event in part.says for part in self.parts):
            yield f"{name} is listed as a reminder or an outcome, but it is published"
        yield from self._astray(event)

    def _astray(self, event: type[Event]) -> Iterator[str]:
        addressed = self.streams[event]
        for part in self.parts:
            if event in part.hears and not part.ingress and part.stream not in addressed:
                yield f"{event.wire_name} is heard by {part.name}, but is never addressed to the stream {part.stream}"
        for stream in sorted({*addressed} - {part.stream for part in self.parts} - {ERRORS.name}):
            yield f"{event.wire_name} is addressed to the stream {stream}, which no service has"


def choreography(
    services: Iterable[Service],
    words: Mapping[str, Any],
    final: Iterable[type[Event]] = (),
    reminders: Iterable[type[Event]] = (),
    outcomes: Iterable[type[Event]] = (),
) -> Choreography:
    """Read the choreography of these services. Raises ``NoExample`` if the words do not say whom an event concerns."""
    parts = tuple(_part(service) for service in services)
    ended = (*final, ErrorOccurred)
    everything = dict.fromkeys([*(event for part in parts for event in (*part.says, *part.hears)), *ended])
    streams = {event: _streams(event, parts, words) for event in everything}
    return Choreography(parts, streams, ended, tuple(reminders), tuple(outcomes))


def _part(service: Service) -> Part:
    """What its code says of a service, and what the runtime adds: a word to parked agents, and of failed turns."""
    controls: tuple[type[Event], ...] = () if service.ingress else CONTROLS
    hears, says = (*members(service.consumes), *controls), (*members(service.publishes), ErrorOccurred)
    return Part(service.name, service.stream.name, service.ingress, hears, says)


def _streams(event: type[Event], parts: tuple[Part, ...], words: Mapping[str, Any]) -> tuple[str, ...]:
    if event in CONTROLS:
        return tuple(sorted({part.stream for part in parts if not part.ingress}))
    if any(part.ingress and event in part.hears for part in parts):
        return ()
    return tuple(sorted({subject.stream.name for subject in example_of(event, words).concerns()}))


def _all(names: tuple[str, ...]) -> str:
    return " and ".join(names) or "nobody"
