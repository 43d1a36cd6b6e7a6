"""What comes through the door is traded once per key, and what means nothing is turned away with its reason."""

import pytest

from agora.discovery import service
from agora.ingress import Answer, Ingress
from agora.memory import MemoryStore
from agora.requests import KEY_REUSED, asking
from agora.turns import Engine
from agora.world import World
from market.requests import RequestRefused
from market.streams import REQUESTS
from tests.stories.sums import add_up, business
from tests.stories.town import ended, heard, line, order, town

ORDER = order("T", line("P", 2), line("X"))


class Door:
    """The gateway in the town's world; what it accepts is in its store until it is carried to the log."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.store = MemoryStore()
        self.open()

    def open(self) -> None:
        """Begin with nothing in memory."""
        self._engine = Engine(service("gateway"), self.store, self._world.log, self._world.clock)
        self.ingress = Ingress(self._engine, self._world.clock, pytest.fail)

    async def carry(self) -> None:
        """Publish what was accepted."""
        while await self._engine.relay.step():
            pass


async def test_a_request_is_answered_alike_and_traded_once_however_often_it_comes() -> None:
    world = await town()
    door = Door(world)
    for _ in range(3):
        assert await door.ingress.ask("key", ORDER) == Answer("key", None)
        door.open()
    assert await door.ingress.submit([asking("key", ORDER), asking("key", ORDER)]) == [Answer("key", None)] * 2
    await door.carry()
    await ended(world)
    await add_up(world)
    assert business(world)["products"]["P"] == (8, 0, 2)


async def test_a_key_used_for_another_request_is_refused_and_the_first_stands() -> None:
    world = await town()
    door = Door(world)
    both = [asking("key", ORDER), asking("key", order("T2", line("Q")))]
    assert await door.ingress.submit(both) == [Answer("key", None), Answer("key", KEY_REUSED)]
    door.open()
    assert await door.ingress.submit(both) == [Answer("key", None), Answer("key", KEY_REUSED)]
    await door.carry()
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("settled", "")}
    assert [event.reason for event in heard(world, REQUESTS, RequestRefused)] == [KEY_REUSED] * 2


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("CheckOut.v1", asking("key", ORDER).body.replace('"quantity":2', '"quantity":2.5')),
        ("CheckOut.v1", "no JSON"),
        ("CheckOut.v1", "[" * 5_000),
        ("CheckOut.v1", '{"buyer": "\\ud800"}'),
        ("CheckOut.v2", asking("key", ORDER).body),
        ("OrderPlaced.v1", "{}"),
        ("RedriveParked.v1", '{"service":"buyer","stream":"no \\u00b6 topic","agent":"B"}'),
        ("SkipParked.v1", '{"service":"buyer","stream":"nowhere","agent":"B"}'),
        ("", ""),
    ],
)
async def test_a_request_that_means_no_command_is_refused_with_its_reason(kind: str, body: str) -> None:
    world = await town()
    door = Door(world)
    asked = asking("key", ORDER).model_copy(update={"kind": kind, "body": body})
    (answer,) = await door.ingress.submit([asked])
    assert answer.refusal
    await door.carry()
    await ended(world)
    assert [event.reason for event in heard(world, REQUESTS, RequestRefused)] == [answer.refusal]
    assert business(world)["orders"] == {}


async def test_what_was_accepted_is_traded_although_the_door_falls_shut_at_once() -> None:
    world = await town()
    door = Door(world)
    await door.ingress.ask("key", ORDER)
    door.open()
    await door.ingress.ask("another key", order("T2", line("Q")))
    await door.carry()
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("settled", ""), "T2": ("settled", "")}
