"""Brings a database that was restored from a backup up to what the log knows, before its service starts again.

The log holds every input since the backup, and everything that was said because of it. So the turns are taken again in
silence, and their events held against the log: what it has is not said a second time, and what it lacks is said under
numbers nobody has heard. What came from outside the log, a reminder or the outcome of an activity, is in the log by now
and is struck off. Only then may time, the outside world and new requests go on.

It may be broken off anywhere and begun again: nothing is known as published before the last commit of its partition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from agora.batch import source_of
from agora.contracts.guard import promises
from agora.envelope import Envelope, Undecodable, number_of, read_envelope
from agora.partition import Partition
from agora.ports import ActivityRow, Clock, Commit, Log, Move, OutboxRow, Record, ReminderRow, Store, StoredAgent
from agora.promise import Promises
from agora.relay import RELAY_ROUND_ROWS_MAX, Relay
from agora.requests import Answered, Submitted
from agora.said import SAID_EVENTS_MAX, Said, TooMuchSaid
from agora.service import Service
from agora.states import States
from agora.turns import Engine
from agora.wire import renumbered

ROWS_PER_PARTITION_MAX: Final = 1_000_000
"""Reminders, or activities, of one partition that are looked at."""
KEYS_PER_COMMIT_MAX: Final = 5_000
_END_OF_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Recovered:
    """What was done: turns taken again, events the log had already and those said now, and what was struck off."""

    turns: int = 0
    in_the_log: int = 0
    said_now: int = 0
    reminders: int = 0
    activities: int = 0
    keys: int = 0


class _Silent(Relay):
    """Publishes nothing: what is said waits in the table until the log was asked."""

    async def adopt(self, partition: Partition) -> None:
        del partition

    def offer(self, partition: Partition, rows: Sequence[OutboxRow], since: datetime | None = None) -> None:
        del partition, rows, since


class Recovery:
    """One service's restored database, on its way back. The service itself is stopped."""

    def __init__(
        self,
        service: Service,
        store: Store,
        log: Log,
        clock: Clock,
        checked: Promises | None = None,
        said_events_max: int = SAID_EVENTS_MAX,
    ) -> None:
        self.done = Recovered()
        self._service = service
        self._store = store
        self._log = log
        self._engine = Engine(service, store, log, clock, promises=checked or promises())
        self._engine.relay = _Silent(store, log, clock)
        self._said: dict[str, Said] = {}
        self._partitions: tuple[int, ...] = ()
        self._room = said_events_max
        self._keys: dict[str, bytes] = {}
        self._requests = 0
        self._states = States(service.state)

    async def begin(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Claim the partitions; the offset from which each is to be heard again."""
        self._partitions = tuple(partitions)
        await self._engine.own(partitions)
        for number, partition in self._engine.partitions.items():
            self._said[source_of(self._service.name, number)] = Said(self._service.stream.name, partition.row.published)
        return {number: self._engine.next_offset(number) for number in partitions}

    def recall(self, stream: str, record: Record) -> None:
        """Remember one record of the log if this service said it. Raises ``TooMuchSaid``."""
        try:
            envelope = read_envelope(record.value or b"")
            number = number_of(envelope)
        except Undecodable:
            return
        said = self._said.get(envelope.source)
        if said is None or not number or not said.hear(stream, envelope, number):
            return
        self._room -= 1
        if self._room < 0:
            raise TooMuchSaid
        if self._service.ingress:
            self._recall_request(envelope)

    async def take(self, records: Sequence[Record]) -> None:
        """Take turns again, in silence."""
        await self._engine.take(records)
        self.done.turns += len(records)

    async def end(self) -> Recovered:
        """Say what the log lacks, strike off what it has, and let the service go on from there."""
        for number in self._partitions:
            await self._settle(self._engine.partitions[number])
        if self._keys:
            await self._return_keys()
        self._engine.forget()
        return self.done

    async def _settle(self, partition: Partition) -> None:
        row = partition.row
        number = row.partition
        said = self._said[source_of(self._service.name, number)]
        after = row.published
        while rows := await self._store.unpublished(number, after, RELAY_ROUND_ROWS_MAX):
            await self._say_what_is_missing(said, rows)
            after = rows[-1].sequence
        commit = Commit()
        for reminder in await self._reminders(number):
            if said.take(reminder.causation, reminder.type, self._service.stream.name, reminder.subject):
                commit.reminders[reminder.subject, reminder.name] = None
        for activity in _concluded(said, await self._activities(number)):
            commit.activities[activity.subject, activity.name] = None
        self.done.reminders += len(commit.reminders)
        self.done.activities += len(commit.activities)
        next_offset = max(partition.next_offset, self._requests)
        ahead = row._replace(next_offset=next_offset, sequence=said.highest, published=said.highest)
        commit.moves.append(Move(row, ahead))
        await self._store.commit(commit)
        partition.row = ahead
        await self._store.trim(number, said.highest)

    async def _say_what_is_missing(self, said: Said, rows: Sequence[OutboxRow]) -> None:
        missing: list[OutboxRow] = []
        for row in rows:
            envelope = read_envelope(row.value)
            if said.take(envelope.causationid, envelope.type, row.stream, row.subject):
                self.done.in_the_log += 1
                continue
            said.highest += 1
            missing.append(row._replace(sequence=said.highest, value=renumbered(envelope, said.highest)))
        while missing:
            count = await self._log.publish(missing)
            self.done.said_now += count
            missing = missing[count:]

    async def _reminders(self, number: int) -> Sequence[ReminderRow]:
        return await self._store.due([number], _END_OF_TIME, ROWS_PER_PARTITION_MAX)

    async def _activities(self, number: int) -> Sequence[ActivityRow]:
        types = [activity.task.wire_name for activity in self._service.activities]
        return await self._store.activities([number], types, ROWS_PER_PARTITION_MAX) if types else ()

    def _recall_request(self, envelope: Envelope) -> None:
        """What was let in under which key; the key is the story, and the command is what was asked."""
        place = envelope.causationid.rpartition("/")[2]
        self._requests = max(self._requests, int(place) if place.isdigit() else 0)
        if envelope.type not in self._asked:
            return
        key = envelope.correlationid
        asked = Submitted(key=key, kind=envelope.type, body=bytes(envelope.data).decode())
        answered = Answered(envelope.type, asked.fingerprint(), datetime.fromisoformat(envelope.time).astimezone(UTC))
        self._keys.setdefault(key, self._states.written(answered))

    async def _return_keys(self) -> None:
        """Give the keys of requests that the backup does not know back to it, so that none acts a second time."""
        for _, some in groupby(enumerate(sorted(self._keys)), key=lambda one: one[0] // KEYS_PER_COMMIT_MAX):
            keys = [key for _, key in some]
            known = await self._store.load(keys)
            commit = Commit(agents=[StoredAgent(key, self._keys[key]) for key in keys if key not in known])
            (partition,) = self._engine.partitions.values()
            commit.moves.append(Move(partition.row, partition.row))
            await self._store.commit(commit)
            self.done.keys += len(commit.agents)

    @property
    def _asked(self) -> frozenset[str]:
        return frozenset(kind.wire_name for kind in self._service.events if kind.command)


def _concluded(said: Said, rows: Sequence[ActivityRow]) -> list[ActivityRow]:
    """The activities whose outcomes the log has.

    An outcome names the turn that asked, not the activity: where one turn of an agent asked for several and not all
    have ended, none is struck off. They are done again under their keys, as after a crash.
    """
    asked = [(row.causation, row.subject) for row in rows]
    return [row for row, one in zip(rows, asked, strict=True) if said.outcomes(*one) >= asked.count(one)]
