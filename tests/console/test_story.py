"""The story of an order: every event under its cause, whatever else is said in the log."""

from collections.abc import Iterable
from itertools import groupby

import pytest
from aiokafka import AIOKafkaProducer
from rich.console import Console

from agora.discovery import streams
from agora.topics import ensure_topics
from agora.wire import Cause, seal
from agora.world import World
from console.output import Failure
from console.story import Step, Story, Told, arrange, as_json, read_story
from console.story_tree import render
from market.ids import SellerId, TransactionId
from market.shipments import ConfirmDelivery
from tests.console.busy_market import records_of
from tests.stories.town import line, order, town, until_idle

STREAMS = streams()


def told(name: str, cause: str = "", at: int = 0, kind: str = "Said.v1", subject: str = "S", reason: str = "") -> Told:
    source, _, identity = name.rpartition("/")
    return Told("things", subject, kind, source, identity, "K", cause, at, reason)


def outline(steps: Iterable[Step]) -> list[str]:
    return [f"{'  ' * step.depth}{step.told.name}" for step in steps]


def drawn(story: Story) -> str:
    console = Console(width=200, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(render(story))
    return capture.get()


async def say(kafka: str, namespace: str, world: World) -> None:
    await ensure_topics(kafka, (namespace + stream for stream in STREAMS), world.log.partitions)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for (stream, partition), group in groupby(records_of(world), key=lambda one: (one[0], one[1].partition)):
        for _, record in group:
            await producer.send(namespace + stream, record.value, record.key, partition)
    await producer.stop()


def test_every_event_stands_under_its_cause_in_the_order_it_came() -> None:
    events = [told("b/2", "a/1", 3), told("c/1", "b/1", 4), told("b/1", "a/1", 2), told("a/1", "", 1)]
    assert outline(arrange(events)) == ["a/1", "  b/1", "    c/1", "  b/2"]


def test_of_one_moment_a_source_is_told_in_the_order_of_its_numbers() -> None:
    events = [told("a/1"), *(told(f"b/{number}", "a/1") for number in (10, 9, 11))]
    assert outline(arrange(events)) == ["a/1", "  b/9", "  b/10", "  b/11"]


def test_what_one_event_led_to_stands_as_its_source_said_it_however_late_a_partition_took_it_in() -> None:
    events = [told("a/1"), told("b/1", "a/1", 9), told("b/2", "a/1", 3), told("c/1", "a/1", 5)]
    assert outline(arrange(events)) == ["a/1", "  b/1", "  b/2", "  c/1"]


def test_an_event_whose_cause_is_not_in_the_log_begins_a_tree() -> None:
    steps = list(arrange([told("b/1", "door/7", 5), told("b/2", "b/1", 9)]))
    assert outline(steps) == ["b/1", "  b/2"]
    assert [step.delay_ms for step in steps] == [None, 4]


def test_no_event_is_lost_to_a_circle_of_causes_or_a_long_chain() -> None:
    assert len(outline(arrange([told("a/1", "b/1"), told("b/1", "a/1"), told("c/1", "c/1")]))) == 3
    chain = [told("a/0"), *(told(f"a/{number}", f"a/{number - 1}", number) for number in range(1, 5_000))]
    assert list(arrange(chain))[-1].depth == 4_999
    assert "a" in drawn(Story("K", tuple(arrange(chain[:300]))))


def test_hostile_words_are_shown_and_not_obeyed() -> None:
    hostile = told("a/1", "", 0, "[red]x[/red].v1", "\x1b[2J\u202e[link=x]", "a\nb" + "x" * 1_000)
    text = drawn(Story("[b]K\x07", tuple(arrange([hostile]))))
    assert "[red]x[/red].v1" in text
    assert "\\u001b[2J\\u202e[link=x]" in text
    assert "[b]K\\u0007" in text
    assert "a\\u000ab" in text
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert len(text) < 1_000


def test_many_alike_that_led_to_nothing_are_shown_as_few() -> None:
    events = [told("a/1"), *(told(f"b/{number}", "a/1", subject=f"P{number}") for number in range(10))]
    text = drawn(Story("K", tuple(arrange(events))))
    assert text.count("things/P") == 3
    assert "… and 7 more Said.v1 in things" in text


async def test_a_story_is_read_from_all_streams(kafka: str, namespace: str) -> None:
    world = await town()
    world.tell(order("T-1", line("X", 2), line("P")), story="T-1")
    world.tell(order("T-2", line("Q")), story="T-2")
    await world.run()
    await say(kafka, namespace, world)
    story = await read_story("T-1", kafka, namespace, STREAMS)
    types = [step.told.type for step in story.steps]
    assert (types[0], types[1]) == ("CheckOut.v1", "OrderPlaced.v1")
    assert types.count("TransactionOpened.v1") == 2
    assert {step.told.stream for step in story.steps} == {"buyers", "products", "sellers", "shipments", "transactions"}
    assert all(step.told.correlation == "T-1" for step in story.steps)
    assert [step.depth for step in story.steps if step.cause is None] == [0]
    said = as_json(story)
    assert [event["delay_ms"] is None for event in said["events"]].count(True) == 1
    assert all(event["cause"] is None or event["cause"] < place for place, event in enumerate(said["events"]))


async def test_an_order_under_another_key_is_found_with_all_that_was_asked_about_it(kafka: str, namespace: str) -> None:
    world = await town()
    world.tell(order("T-1", line("X")), story="K-1")
    await until_idle(world)
    world.tell(ConfirmDelivery(transaction=TransactionId("T-1"), seller=SellerId("R")), story="K-2")
    await world.run()
    await say(kafka, namespace, world)
    story = await read_story("T-1", kafka, namespace, STREAMS)
    assert {step.told.correlation for step in story.steps} == {"K-1", "K-2"}
    assert ("TransactionSettled.v1", "sellers") in {(step.told.type, step.told.stream) for step in story.steps}
    assert "in 2 requests" in drawn(story)


async def test_what_was_published_twice_is_told_once_and_strange_ids_are_found(kafka: str, namespace: str) -> None:
    world = await town()
    name = 'T-"é\\[red]'
    world.tell(order("T-1", line("X")), story=name)
    await world.run()
    value = seal(Cause("", "T-é", "", "0" * 32), "foreign", 1, "Said.v1", "B", b'{"reason":"\\u00e9"}')
    for _ in range(2):
        world.log.append("buyers", b"B", value.replace("é".encode(), b"\\u00e9"))
    world.log.append("buyers", b"B", b'no event, though it says T-\xc3\xa9 and T-\\"\xc3\xa9')
    await say(kafka, namespace, world)
    once = await read_story("T-é", kafka, namespace, STREAMS)
    assert [(step.told.type, step.told.reason) for step in once.steps] == [("Said.v1", "é")]
    assert len((await read_story(name, kafka, namespace, STREAMS)).steps) > 10


@pytest.mark.parametrize("name", ["T-9", "B", "\udcff", ""])
async def test_an_unknown_id_says_what_to_give_instead(kafka: str, namespace: str, name: str) -> None:
    world = await town()
    for number in range(30):
        world.tell(order(f"T-{number + 10}"), story=f"K-{number}")
    await world.run()
    await say(kafka, namespace, world)
    with pytest.raises(Failure, match="Idempotency-Key"):
        await read_story(name, kafka, namespace, STREAMS)
