"""The choreography as a page of Markdown with Mermaid pictures: the whole, each story, and a table of every event."""

from collections.abc import Iterable, Iterator
from typing import Final

from agora.control import EVENTS as RUNTIME_EVENTS
from agora.event import Event
from agora.papers.choreography import Choreography
from agora.papers.story import Story

PEOPLE: Final = "people"
NOBODY: Final = "nobody: for people to see"

_ABOUT: Final = """\
Written by `agora docs` from what every service consumes and publishes; a test fails where it differs from the code.
What is in each event: [asyncapi/index.html](asyncapi/index.html), to be opened in a browser."""
_ABOUT_WHOLE: Final = """\
A dashed arrow is what an agent hears from itself: a reminder, or what came of an activity. Events that nobody has to
act on, and those of the runtime, are in the table at the end."""
_ABOUT_STORIES: Final = """\
Each is one course of events, in an order in which they can happen. A note is an event that ends there."""


def page(market: Choreography, stories: Iterable[Story]) -> str:
    """The whole page."""
    told = tuple(stories)
    canvases = " · ".join(f"[{part.name}](../services/{part.name}/README.md)" for part in market.parts)
    sections = [
        "# Who hears what from whom",
        _ABOUT,
        f"What a service does with what it hears is on its canvas: {canvases}.",
        "## The whole market",
        _ABOUT_WHOLE,
        _mermaid(whole(market)),
        "## The stories",
        _ABOUT_STORIES,
    ]
    for story in told:
        sections += [f"### {story.title}", story.words, _mermaid(sequence(market, story))]
    sections += ["## Every event", "\n".join(_table(market))]
    return "\n\n".join(sections) + "\n"


def whole(market: Choreography) -> Iterator[str]:
    """A flow chart: one node per service, one arrow from each to each that hears it, with the events' names."""
    yield "flowchart LR"
    arrows: dict[tuple[str, str, bool], list[str]] = {}
    for event, said_by, heard_by in market.edges():
        if event not in RUNTIME_EVENTS:
            arrows.setdefault((said_by, heard_by, event in market.own), []).append(event.__name__)
    for part in market.parts:
        if part.ingress:
            names = "<br/>".join(event.__name__ for event in part.hears)
            yield f'{PEOPLE}(["{PEOPLE}"]) -- "{names}" --> {part.name}'
    for (said_by, heard_by, own), names in sorted(arrows.items()):
        label = "<br/>".join(names)
        yield f'{said_by} -. "{label}" .-> {heard_by}' if own else f'{said_by} -- "{label}" --> {heard_by}'


def sequence(market: Choreography, story: Story) -> Iterator[str]:
    """A sequence diagram of one story."""
    steps = [step for event in story.events for step in _steps(market, event)]
    yield "sequenceDiagram"
    if any(market.asked_of(event) for event in story.events):
        yield f"actor {PEOPLE}"
    concerned = {name for event in story.events for name in (*market.said_by(event), *market.heard_by(event))}
    for part in sorted(market.parts, key=lambda part: not part.ingress):
        if part.name in concerned:
            yield f"participant {part.name}"
    yield from steps


def _steps(market: Choreography, event: type[Event]) -> Iterator[str]:
    hearers = market.heard_by(event)
    for sayer in market.said_by(event) or (PEOPLE,):
        if not hearers:
            yield f"Note over {sayer}: {event.__name__}"
        for hearer in hearers:
            yield f"{sayer}->>{hearer}: {event.__name__}{_when(market, event)}"


def _when(market: Choreography, event: type[Event]) -> str:
    if event in market.reminders:
        return ", when it falls due"
    return ", when it is done" if event in market.outcomes else ""


def _table(market: Choreography) -> Iterator[str]:
    yield "| event | said by | heard by | streams |"
    yield "| --- | --- | --- | --- |"
    runtime = [event for event in market.events() if event in RUNTIME_EVENTS]
    own = sorted({*market.events()} - {*runtime}, key=lambda event: event.__name__)
    for event in (*own, *runtime):
        streams = ", ".join(f"`{stream}`" for stream in market.streams[event]) or "none: it comes in at the door"
        yield f"| `{event.wire_name}` | {sayers(market, event)} | {hearers(market, event)} | {streams} |"


def hearers(market: Choreography, event: type[Event]) -> str:
    """Who hears an event, in words."""
    return _together(market, market.heard_by(event)) or NOBODY


def sayers(market: Choreography, event: type[Event]) -> str:
    """Who says an event, in words."""
    if event in market.reminders:
        return "a reminder to itself"
    if event in market.outcomes:
        return "its own activity"
    return _together(market, market.said_by(event)) or PEOPLE


def _together(market: Choreography, names: tuple[str, ...]) -> str:
    inside = {part.name for part in market.parts if not part.ingress}
    if len(inside) > 1 and inside <= {*names}:
        return "every service" if len(names) == len(market.parts) else "every service but the door"
    return ", ".join(names)


def _mermaid(lines: Iterable[str]) -> str:
    first, *rest = lines
    return "\n".join(["```mermaid", first, *(f"    {line}" for line in rest), "```"])
