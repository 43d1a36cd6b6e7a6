"""The service of errands at work in memory, one step at a time, and what its outside may be told to do."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic import TypeAdapter

from agora.activity import Call
from agora.control import ERRORS, ErrorOccurred
from agora.envelope import read_envelope
from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.turns import Engine
from agora.wire import Cause, data_of, seal
from tests.runtime.counting import COUNTERS, AboutCounter
from tests.runtime.errands import Answer, Errands, Outside, errands, fetched

ATTEMPTS: Final = 4
ROUNDS_MAX: Final = 1_000
_STATES: Final = TypeAdapter(Errands)


class Shop:
    """The service at work in memory, in one partition and in virtual time, one step at a time."""

    def __init__(self, outside: Outside, held_max: int = 2_000, **options: Any) -> None:
        self.outside = outside
        self.service = errands(outside, **options)
        self.clock = VirtualClock()
        self.log = MemoryLog(self.clock, partitions=1)
        self.store = MemoryStore()
        self.held_max = held_max
        self.told = 0
        self.calls: list[asyncio.Task[None]] = []
        self.begin()

    def begin(self) -> None:
        """A process begins, with nothing in memory; whoever was there is gone."""
        self.engine = Engine(self.service, self.store, self.log, self.clock, activities_per_target_max=self.held_max)

    def say(self, *events: AboutCounter) -> None:
        """Tell the service something, in order."""
        for event in events:
            self.told += 1
            cause = Cause("2030-01-01T00:00:00Z", "story", "", "0" * 32)
            value = seal(cause, "test-0", self.told, event.wire_name, event.counter, data_of(event))
            self.log.append(COUNTERS.name, event.counter.encode(), value)

    async def hear(self, *events: AboutCounter) -> None:
        """Say something; then publish and take whatever there is."""
        self.say(*events)
        await self.engine.own([0])
        while await self.engine.relay.step():
            pass
        await self.engine.take(self.log.stream(COUNTERS.name)[0])

    def call(self) -> list[asyncio.Task[None]]:
        """Begin every call that may begin now, side by side."""
        begun = [asyncio.create_task(self.engine.performing.make(call)) for call in self.engine.performing.calls()]
        self.calls += begun
        return begun

    async def perform(self) -> None:
        """Make all calls that can be made now, and hear what came of them."""
        await self.engine.conclude()
        while begun := self.call():
            await asyncio.gather(*begun)
            await self.engine.conclude()
        await self.engine.conclude()
        await self.hear()

    async def settle(self) -> None:
        """Wait, in virtual time, until nothing is left to be done."""
        await self.perform()
        rounds = 0
        while self.store.asking:
            rounds += 1
            assert rounds <= ROUNDS_MAX, self.store.asking
            moments = [self.engine.performing.not_before(row) for row in self.store.asking.values()]
            self.clock.advance(min(moment for moment in moments if moment is not None))
            await self.perform()

    def state(self, counter: str = "a") -> Errands:
        """What a counter remembers."""
        stored = self.store.agents.get(counter)
        return _STATES.validate_json(stored.state) if stored else Errands()

    async def leave(self) -> None:
        """Stop, in the middle of whatever is under way."""
        for task in self.calls:
            task.cancel()
        await asyncio.gather(*self.calls, return_exceptions=True)


@asynccontextmanager
async def shop(outside: Outside | None = None, **options: Any) -> AsyncGenerator[Shop]:
    """A shop that nobody is left in at the end."""
    opened = Shop(outside or Outside(), **{"attempts_max": ATTEMPTS, **options})
    yield opened
    await opened.leave()


def hanging() -> tuple[Answer, asyncio.Event]:
    """An answer that does not come until it is let go."""
    let_go = asyncio.Event()

    async def answer(task: Any, call: Call) -> Any:
        await let_go.wait()
        return await fetched(task, call)

    return answer, let_go


def saying(outcome: Callable[[Any], Any]) -> Answer:
    async def answer(task: Any, call: Call) -> Any:
        del call
        return outcome(task)

    return answer


def errors(shop: Shop) -> list[ErrorOccurred]:
    """Every failure the service told of."""
    envelopes = [read_envelope(record.value or b"") for record in shop.log.stream(ERRORS.name)[0]]
    return [ErrorOccurred.model_validate_json(bytes(envelope.data)) for envelope in envelopes]
