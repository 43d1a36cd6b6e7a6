"""A whole society in memory with virtual time, driven by one seed: records late or twice, crashes anywhere.

The engines are the real ones; only the ports are played. Equal seeds give equal runs.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from agora.envelope import read_envelope
from agora.event import Event
from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.ports import Unavailable
from agora.service import Service
from agora.states import States
from agora.turns import Engine
from agora.wire import Cause, data_of, iso, seal, trace_of

ROUNDS_MAX: Final = 5_000


class Crash(BaseException):
    """The process dies here. Not an ``Exception``: nothing may catch it on the way."""


class Stuck(RuntimeError):
    """The world would never come to rest: somebody has work that does not get done."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often things go wrong, as a chance per occasion from 0 to 1."""

    crash: float = 0.0
    lost_answer: float = 0.0
    redelivery: float = 0.0


class House:
    """One service in the world: a durable store, an engine that may die, and how far it has read each partition."""

    def __init__(self, world: "World", service: Service) -> None:
        self._world = world
        self.service = service
        self.store = MemoryStore(world.step)
        self.read = [0] * world.log.partitions
        self.states = States(service.state)
        self.crashes = 0
        self.start()

    def start(self) -> None:
        """Begin with nothing in memory."""
        self.engine = Engine(
            self.service,
            self.store,
            self._world.log,
            self._world.clock,
            agents_per_partition_max=8,
            activities_per_target_max=4,
            chance=self._world.chance,
        )

    def crash(self) -> None:
        """Lose the process; Kafka redelivers from somewhere before what is known to be heard."""
        self.crashes += 1
        rows = self.store.partitions
        known = [rows[number].next_offset if number in rows else 0 for number in range(len(self.read))]
        self.read = [self._world.chance.randint(0, offset) for offset in known]
        self.start()

    def pending(self) -> list[int]:
        """The partitions with records this service has not read."""
        stream = self._world.log.stream(self.service.stream.name)
        return [number for number, records in enumerate(stream) if self.read[number] < len(records)]

    async def deliver(self, number: int, count: int) -> None:
        """Hand over some records of one partition."""
        first = self.read[number]
        records = self._world.log.stream(self.service.stream.name)[number][first : first + count]
        await self.engine.take(records)
        self.read[number] = first + len(records)

    async def perform(self) -> None:
        """Make the calls that may be made, one after another, and write down how they ended."""
        if not self.service.activities:
            return
        await self.engine.conclude()
        self._world.step("before performing")
        for call in self.engine.performing.calls():
            await self.engine.performing.make(call)
            self._world.step("after performing")
        await self.engine.conclude()

    def moments(self) -> Iterator[datetime]:
        """When there is something to be reminded of, or to perform."""
        yield from (row.due for row in self.store.reminders.values())
        moments = map(self.engine.performing.not_before, self.store.asking.values())
        yield from (moment for moment in moments if moment is not None)

    def state(self, subject: str) -> Any:
        """The committed state of an agent."""
        stored = self.store.agents.get(subject)
        return self.states.read(stored.state) if stored else self.service.initial


class World:
    """Every service, one log, one clock, one seed. Between any two steps of any service ``step`` may break it.

    Services named in ``away`` do nothing until they are taken out of it; what they are told waits in the log.
    """

    def __init__(self, services: Iterable[Service], seed: int = 0, faults: Faults | None = None) -> None:
        self.chance = Random(seed)  # noqa: S311 - a seeded world, not a secret
        self.clock = VirtualClock()
        self.faults = faults or Faults()
        self.log = MemoryLog(self.clock, step=self.step)
        self.breaks: Callable[[str], None] | None = None
        self.away: set[str] = set()
        self._told = 0
        self.houses = {service.name: House(self, service) for service in services if not service.ingress}

    def step(self, name: str) -> None:
        """Called between any two steps; dies or loses an answer as often as ``faults`` say."""
        if self.breaks is not None:
            self.breaks(name)
        if self.chance.random() < self.faults.crash:
            raise Crash(name)
        if name != "before the commit" and self.chance.random() < self.faults.lost_answer:
            raise Unavailable(f"the answer was lost {name}")

    def tell(self, *events: Event, story: str = "test") -> None:
        """Say something from outside, as the door would."""
        for event in events:
            self._told += 1
            cause = Cause(iso(self.clock.now()), story, "", trace_of("", story))
            for concerned in event.concerns():
                told = data_of(event.seen_by(concerned))
                value = seal(cause, "door", self._told, event.wire_name, concerned.id, told)
                self.log.append(concerned.stream.name, concerned.id.encode(), value)

    async def run(self, patience: timedelta = timedelta(minutes=10)) -> None:
        """Let everyone work, in an order of chance, until nothing is left to hear, to publish or to wait for."""
        limit = self.clock.now() + patience
        while True:
            await self._work()
            due = min((moment for house in self._present() for moment in house.moments()), default=None)
            if due is None or due > limit:
                return
            self.clock.advance(due)

    async def calm(self) -> None:
        """Stop breaking things and let everyone finish."""
        self.faults = Faults()
        self.breaks = None
        await self.run()

    async def _work(self) -> None:
        for _ in range(ROUNDS_MAX):
            if not self._busy():
                await self._note()
            if not self._busy():
                return
            moves = [(house, number) for house in self._present() for number in (*house.pending(), None)]
            self.chance.shuffle(moves)
            for house, number in moves:
                await self._survive(house, number)
        raise Stuck(f"still busy after {ROUNDS_MAX:,} rounds")

    async def _note(self) -> None:
        """Where a stream ends in records that concern nobody, only a sweep writes down that they were passed."""
        for house in self._present():
            await self._survive(house, None)

    def _busy(self) -> bool:
        """Whether anyone has something to hear, to publish, to be reminded of or to perform now."""
        now = self.clock.now()
        return any(
            house.pending() or house.store.unsent() or any(moment <= now for moment in house.moments())
            for house in self._present()
        )

    def _present(self) -> list[House]:
        return [house for name, house in self.houses.items() if name not in self.away]

    async def _survive(self, house: House, number: int | None) -> None:
        try:
            if number is None:
                await house.engine.own(range(self.log.partitions))
                await house.engine.sweep()
                await house.perform()
            else:
                if self.chance.random() < self.faults.redelivery:
                    house.read[number] = self.chance.randint(0, house.read[number])
                await house.deliver(number, self.chance.randint(1, 5))
            while house.engine.relay.rows and self.chance.random() < 0.7:  # noqa: PLR2004 - sometimes it lags
                await house.engine.relay.step()
        except Crash:
            house.crash()
        except Unavailable:
            house.engine.forget()

    def told(self, stream: str) -> list[tuple[str, str]]:
        """What was said in a stream: each event's type and subject, duplicates of a republication dropped."""
        seen: dict[tuple[str, str], tuple[str, str]] = {}
        for records in self.log.stream(stream):
            for record in records:
                envelope = read_envelope(record.value or b"")
                seen.setdefault((envelope.source, envelope.id), (envelope.type, envelope.subject))
        return list(seen.values())
