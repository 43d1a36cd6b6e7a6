"""The engine of a service: owns partitions, takes turn batches, commits them, hands their events to the relay.

It does no I/O of its own; everything outside comes through the ports. One coroutine at a time is inside.
"""

import asyncio
import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any, Final, TypeAlias, get_args

from agora import control
from agora.batch import Batch, opened_agent
from agora.envelope import Undecodable
from agora.event import Event
from agora.lane import ACTIVITIES_PER_TARGET_MAX
from agora.observer import Observer
from agora.outcomes import Outcomes
from agora.parking import CONTROLS, Parking, is_control
from agora.partition import AGENTS_PER_PARTITION_MAX, Agents, Draft, HistoryLost, Partition
from agora.performing import Performing
from agora.ports import Clock, Fenced, Log, Record, Refused, Store, Unavailable
from agora.promise import Promises
from agora.relay import Relay
from agora.service import Service
from agora.states import States
from agora.sweep import Sweeper
from agora.wire import Codec, Heard, UnknownType

TURNS_PER_COMMIT_MAX: Final = 2_000

log = logging.getLogger(__name__)

Opened: TypeAlias = tuple[Record, Heard | Undecodable | None]  # None: an event this service does not consume


class Engine:
    """A service at work on the partitions it owns.

    Every method may raise ``Unavailable`` or ``Fenced``; the engine has then forgotten its partitions, and the same
    call may be made again: it claims them anew from what the store holds and skips what was committed after all.
    """

    def __init__(
        self,
        service: Service,
        store: Store,
        log: Log,
        clock: Clock,
        *,
        promises: Promises | None = None,
        agents_per_partition_max: int = AGENTS_PER_PARTITION_MAX,
        turns_per_commit_max: int = TURNS_PER_COMMIT_MAX,
        activities_per_target_max: int = ACTIVITIES_PER_TARGET_MAX,
        chance: Random | None = None,
    ) -> None:
        """``chance`` spreads the attempts at activities."""
        self.service = service
        self.relay = Relay(store, log, clock)
        self.performing = Performing(service.activities, store, clock, activities_per_target_max)
        self.observer = Observer()
        self._clock = clock
        self._store = store
        self._promises = promises or Promises()
        self._agents_max = agents_per_partition_max
        self._turns_max = turns_per_commit_max
        self._states = States(service.state)
        self._codec = Codec((*(heard := members(service.consumes)), *CONTROLS), (*service.events, *control.EVENTS))
        self._owned: dict[int, Partition] = {}
        self._passed: dict[int, int] = {}  # outlives a claim: it is not delivered to this process again
        self._turnstile = asyncio.Lock()
        self._parking = Parking(store, self._codec, self._begin, self._load, self._commit)
        self._sweeper = Sweeper(service, store, clock)
        self._outcomes = Outcomes(service, heard, self.performing, clock, chance, self._begin, self._commit)

    @property
    def owned(self) -> frozenset[int]:
        """The partitions this process believes it owns."""
        return frozenset(self._owned)

    @property
    def partitions(self) -> dict[int, Partition]:
        """What is owned at this moment, for whoever looks on, from any thread."""
        return self._owned.copy()

    async def own(self, partitions: Iterable[int]) -> None:
        """Claim the partitions assigned to this process and let go of all others."""
        wanted = frozenset(partitions)
        async with self._turnstile:
            for number in self._owned.keys() - wanted:
                self._forget(number)
            with self._forgetting():
                for number in sorted(wanted):
                    await self._claim(number)

    async def take(self, records: Sequence[Record]) -> None:
        """Take the turns of one poll and commit them. Raises ``HistoryLost`` where the log has a hole."""
        async with self._turnstile:
            await self.relay.room()
            with self._forgetting():
                for start in range(0, len(records), self._turns_max):
                    await self._take(records[start : start + self._turns_max])

    async def admit(self, partition: int, number: Callable[[int], Sequence[Record]]) -> None:
        """Take the turns of requests, which ``number`` numbers from the partition's next offset, in one commit."""
        async with self._turnstile:
            await self.relay.room()
            with self._forgetting():
                owned = await self._claim(partition)
                await self._take(number(owned.row.next_offset))

    async def sweep(self) -> float:
        """Fire due reminders, write down acknowledgements, trim outboxes; return seconds until the next is worth it."""
        async with self._turnstile:
            with self._forgetting():
                return await self._sweeper.sweep(self._owned, self.relay)

    async def conclude(self) -> None:
        """Write down how activities ended, and bring in more from the store."""
        async with self._turnstile:
            await self.relay.room()
            with self._forgetting():
                await self._outcomes.conclude(self._owned)

    def forget(self) -> None:
        """Let go of everything in memory; the store has all of it."""
        for number in list(self._owned):
            self._forget(number)

    def agent(self, subject: str, partition: int = 0) -> Any:
        """The state of an agent in memory, or ``None``."""
        owned = self._owned.get(partition)
        agent = owned.agents.get(subject) if owned else None
        return agent.state if agent else None

    def next_offset(self, partition: int) -> int:
        """The next offset an owned partition will hear."""
        return self._owned[partition].row.next_offset

    @contextmanager
    def _forgetting(self) -> Generator[None]:
        """What was lost or taken away on the way is no longer known: let go of everything in memory."""
        try:
            yield
        except (Fenced, Unavailable):
            self.forget()
            raise

    async def _take(self, records: Sequence[Record]) -> None:
        fresh = await self._fresh(records)
        opened = [(record, self._open(record)) for record in fresh]
        if all(heard is None for _, heard in opened):
            for record in fresh:
                self._passed[record.partition] = self._owned[record.partition].passed = record.offset + 1
            self.observer.passed(fresh)
            return
        for alone, chunk in groupby(opened, key=lambda one: is_control(self.service.name, one[1])):
            if not alone:
                await self._turns(list(chunk))
                continue
            for record, heard in chunk:
                await self._obey(self._owned[record.partition], heard)
        self.observer.taken(fresh)

    async def _fresh(self, records: Sequence[Record]) -> list[Record]:
        """The records not heard before; a poll that is skipped whole must not be committed."""
        fresh: list[Record] = []
        for number, group in groupby(records, key=attrgetter("partition")):
            partition = self._owned.get(number) or await self._claim(number)
            next_offset = partition.next_offset
            unheard = [record for record in group if record.offset >= next_offset]
            if unheard and not partition.continuous:
                self._check_history(partition, unheard[0])
            fresh.extend(unheard)
        return fresh

    def _check_history(self, partition: Partition, first: Record) -> None:
        expected = partition.next_offset
        if first.offset > expected:
            raise HistoryLost(
                f"{self.service.name}: partition {first.partition} of stream '{self.service.stream.name}' goes on at "
                f"offset {first.offset}, but {expected} is the next one to hear: the log was truncated or recreated. "
                "Restore the topic, or set next_offset in the table 'partitions' by hand to accept the loss."
            )
        partition.continuous = True

    def _open(self, record: Record) -> Heard | Undecodable | None:
        try:
            return self._codec.open(record)
        except Undecodable as undecodable:
            return undecodable

    async def _obey(self, partition: Partition, heard: Heard | Undecodable | None) -> None:
        if not isinstance(heard, Heard):
            return
        batch = self._begin()
        if batch.consume(batch.draft(partition), heard):
            await self._parking.obey(partition, heard)
        else:
            await self._commit(batch)

    async def _turns(self, opened: Sequence[Opened]) -> None:
        try:
            await self._attempt(opened, None)
        except Refused as refused:
            if len(opened) == 1:
                await self._attempt(opened, f"the database refused it: {refused}")
                return
            log.warning("the database refused a batch of %s turns, taking them one by one: %s", len(opened), refused)
            for one in opened:
                await self._turns([one])

    async def _attempt(self, opened: Sequence[Opened], refusal: str | None) -> None:
        batch = self._begin(refusal)
        hearings = self._hear(batch, opened)
        await self._load(hearings)
        for draft, heard in hearings:
            batch.turn(draft, heard)
        await self._commit(batch)

    def _begin(self, refusal: str | None = None) -> Batch:
        return Batch(self.service, self._states, self._promises, self._clock, refusal)

    def _hear(self, batch: Batch, opened: Sequence[Opened]) -> list[tuple[Draft, Heard]]:
        """Move past every record; what remains are the turns to take."""
        hearings: list[tuple[Draft, Heard]] = []
        for record, heard in opened:
            draft = batch.draft(self._owned[record.partition])
            if isinstance(heard, Heard):
                if batch.consume(draft, heard) and type(heard.event) not in CONTROLS:
                    hearings.append((draft, heard))
                continue
            draft.next_offset = record.offset + 1
            if isinstance(heard, UnknownType):
                draft.count("unknown types")
            elif heard is not None:
                batch.dead(record, str(heard))
                draft.count("dead letters")
        return hearings

    async def _load(self, hearings: Sequence[tuple[Draft, Heard]]) -> None:
        """Bring every agent that is spoken to into its draft, from memory or from the store."""
        missing: dict[str, Draft] = {}
        for draft, heard in hearings:
            subject = heard.subject
            if subject not in draft.agents:
                agent = draft.partition.agents.get(subject)
                if agent is None:
                    missing[subject] = draft
                else:
                    draft.agents[subject] = agent
        if missing:
            stored = await self._store.load(list(missing))
            for subject, draft in missing.items():
                draft.agents[subject] = opened_agent(self._states, stored.get(subject), self.service.initial)

    async def _commit(self, batch: Batch) -> None:
        try:
            commit = batch.sealed()
        except (ValueError, TypeError) as error:
            raise Refused(f"a state cannot be written as JSON: {error}") from error
        with self.observer.committing(commit):
            await self._store.commit(commit)
        batch.install()
        for number, rows in groupby(commit.outbox, key=attrgetter("partition")):
            self.relay.offer(self._owned[number], list(rows))
        for reminder in filter(None, commit.reminders.values()):
            self._sweeper.expect(reminder.partition, reminder.due)
        if commit.activities:
            self.performing.take(commit.activities)

    async def _claim(self, number: int) -> Partition:
        owned = self._owned.get(number)
        if owned is not None:
            return owned
        row = await self._store.claim(number)
        parked = dict(await self._store.parked_agents(number))
        passed = self._passed.get(number, 0)
        partition = Partition(row, Agents(self._agents_max), parked, row.published, row.published, passed)
        self._owned[number] = partition
        await self.relay.adopt(partition)
        self._sweeper.expect(number, await self._store.next_due(number))
        await self.performing.adopt(number)
        return partition

    def _forget(self, number: int) -> None:
        self._owned.pop(number, None)
        self.relay.forget(number)
        self._sweeper.forget(number)
        self.performing.forget(number)


def members(alias: Any) -> tuple[type[Event], ...]:
    """The event classes of a ``Consumes`` or ``Publishes`` alias."""
    return alias if isinstance(alias, tuple) else get_args(alias) or (alias,)
