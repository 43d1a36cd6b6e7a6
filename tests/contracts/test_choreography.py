"""The choreography: nothing is said to nobody or heard from nobody, every story can happen, the pictures are true."""

import re
from typing import Final

import pytest

from agora.control import EVENTS as RUNTIME_EVENTS
from agora.discovery import service
from agora.envelope import read_envelope
from agora.event import Event, Stream, Subject
from agora.papers.choreography import Choreography, Edge, choreography
from agora.papers.pictures import sequence, whole
from agora.papers.story import Story
from agora.service import Service
from agora.turns import members
from console.docs import market
from market.catalogue import EVENTS, RETIRED
from market.shipments import TrackingDue
from market.stories import STORIES
from market.transactions import PaymentSucceeded
from tests.contracts.quiet import Quiet
from tests.stories.town import DECLINED, LOADED, ended, into_cart, line, listing, order, town

MARKET: Final = market()
FLOW: Final = re.compile(
    r'flowchart LR|people\(\["people"\]\) -- "[\w<>/]+" --> \w+|\w+ (-- "[\w<>/]+" -->|-\. "[\w<>/]+" \.->) \w+'
)
SEQUENCE: Final = re.compile(
    r"sequenceDiagram|(actor|participant) \w+|Note over \w+: \w+|\w+->>\w+: \w+(, when it (falls due|is done))?"
)


class Asked(Event, command=True):
    """Concerns a thing."""

    def concerns(self) -> tuple[Subject, ...]:
        return (Stream("things")("1"),)


class Done(Event):
    """Concerns a thing."""

    def concerns(self) -> tuple[Subject, ...]:
        return (Stream("things")("1"),)


class Lost(Event):
    """Concerns what nobody looks after."""

    def concerns(self) -> tuple[Subject, ...]:
        return (Stream("elsewhere")("1"),)


def small(
    says: tuple[type[Event], ...] = (),
    hears: tuple[type[Event], ...] = (),
    final: tuple[type[Event], ...] = (),
    reminders: tuple[type[Event], ...] = (),
) -> Choreography:
    """A market of two: ``other`` says, ``thing`` hears."""
    services: list[Service] = [Quiet.service("other", publishes=says), Quiet.service("thing", consumes=hears)]
    return choreography(services, {}, final, reminders)


def faults(found: Choreography) -> list[str]:
    """What is wrong but for the runtime's own words, which a market without a door cannot say."""
    return [fault for fault in found.faults() if not fault.startswith(("RedriveParked", "SkipParked"))]


def test_what_is_said_is_heard_and_what_is_heard_is_said() -> None:
    assert faults(small(says=(Done,), hears=(Done,))) == []


def test_what_nobody_has_to_act_on_may_be_heard_all_the_same() -> None:
    """Else a service that joins to listen would have to be told of in a list."""
    assert faults(small(says=(Done,), hears=(Done,), final=(Done,))) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (small(says=(Done,)), "Done.v1 is said by other and heard by nobody: consume it, or list it as final"),
        (
            small(hears=(Done,)),
            "Done.v1 is heard by thing and said by nobody: publish it, or list it as a reminder or an outcome",
        ),
        (small(final=(Done,)), "Done.v1 is listed as final, but nobody says it"),
        (
            small(says=(Done,), hears=(Done,), reminders=(Done,)),
            "Done.v1 is listed as a reminder or an outcome, but it is published",
        ),
        (
            small(says=(Lost,), hears=(Lost,)),
            "Lost.v1 is heard by thing, but is never addressed to the stream things",
        ),
        (small(says=(Lost,), final=(Lost,)), "Lost.v1 is addressed to the stream elsewhere, which no service has"),
    ],
    ids=("unheard", "unsaid", "final but unsaid", "reminder but said", "astray", "no such stream"),
)
def test_what_cannot_be_right_is_named(found: Choreography, fault: str) -> None:
    assert fault in faults(found)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
def test_a_story_can_happen(story: Story) -> None:
    assert MARKET.story_faults(story) == []


@pytest.mark.parametrize("event", [e for e in EVENTS if e not in RETIRED], ids=lambda event: event.wire_name)
def test_every_event_is_told_in_a_story(event: type[Event]) -> None:
    assert any(event in story.events for story in STORIES)


def test_a_step_that_nobody_can_take_is_named() -> None:
    found = small(says=(Done,), hears=(Asked,))
    assert found.story_faults(Story("It ends", "", (Asked, Lost))) == [
        "It ends: Asked.v1 is said by nobody",
        "It ends: Lost.v1 is said by nobody",
    ]
    told = small(says=(Asked, Done), hears=(Asked,))
    assert told.story_faults(Story("Out of nothing", "", (Asked, Done))) == [
        "Out of nothing: Done.v1 is said by other, who heard of nothing before"
    ]


def test_the_picture_of_the_whole_has_every_edge_and_no_other() -> None:
    drawn: set[tuple[str, str, str]] = set()
    for text in whole(MARKET):
        if found := re.fullmatch(r'(\w+) -[-.] "(.*)" (?:--|\.-)> (\w+)', text):
            drawn |= {(name, found[1], found[3]) for name in found[2].split("<br/>")}
    assert drawn == {
        (event.__name__, said_by, heard_by)
        for event, said_by, heard_by in MARKET.edges()
        if event not in RUNTIME_EVENTS
    }


def test_the_edges_are_what_the_services_say_of_themselves() -> None:
    edges = set(MARKET.edges())
    assert Edge(PaymentSucceeded, "transaction", "seller") in edges
    assert Edge(TrackingDue, "fulfilment", "fulfilment") in edges
    for event, said_by, heard_by in edges - {edge for edge in edges if edge.event in RUNTIME_EVENTS}:
        assert event in members(service(heard_by).consumes)
        assert event in members(service(said_by).publishes) or said_by == heard_by


def test_every_line_of_every_picture_is_mermaid() -> None:
    assert [text for text in whole(MARKET) if not FLOW.fullmatch(text)] == []
    lines = (text for story in STORIES for text in sequence(MARKET, story))
    assert [text for text in lines if not SEQUENCE.fullmatch(text)] == []


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
def test_a_picture_tells_every_step_of_its_story(story: Story) -> None:
    told = [re.split(r"[:,] ", text)[1] for text in sequence(MARKET, story) if ": " in text]
    assert list(dict.fromkeys(told)) == [event.__name__ for event in dict.fromkeys(story.events)]


async def test_what_is_said_in_a_played_market_is_on_the_map() -> None:
    world = await town()
    world.tell(into_cart("P"), listing("X"), order("paid", line("P", 2), line("X")))
    world.tell(order("short", line("Q", LOADED + 1), line("X")), order("declined", line("P"), payment=DECLINED))
    await ended(world)
    mapped = {
        (name, stream, event.wire_name)
        for event, streams in MARKET.streams.items()
        for name in MARKET.said_by(event)
        for stream in streams
    }
    records = [
        (part.stream, record)
        for part in MARKET.parts
        for partition in world.log.stream(part.stream)
        for record in partition
    ]
    said = {
        (envelope.source.rpartition("-")[0], stream, envelope.type)
        for stream, record in records
        if (envelope := read_envelope(record.value or b"")).source != "door"
    }
    assert len(said) > 20
    assert said <= mapped
