"""What a partition needs without a record to prompt it: reminders that fall due, acknowledgements, a short outbox."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from agora.batch import cause_of, source_of
from agora.partition import Partition
from agora.ports import Clock, Commit, Move, OutboxRow, ReminderRow, Store
from agora.relay import Relay
from agora.service import Service
from agora.wire import seal

REMINDERS_PER_SWEEP_MAX: Final = 1_000
SWEEP_SECONDS_MIN: Final = 0.02
SWEEP_SECONDS_MAX: Final = 0.2
TRIM_ROWS_MIN: Final = 5_000
TRIM_IDLE: Final = timedelta(seconds=2)
"""So often the outboxes of partitions that have nothing to publish are trimmed, however few rows they hold."""


class Sweeper:
    """Looks after owned partitions between records. Called with the engine's turnstile held."""

    def __init__(self, service: Service, store: Store, clock: Clock) -> None:
        self._service = service
        self._readable_as = {event.wire_name: event.readable_as for event in service.events}
        self._store = store
        self._clock = clock
        self._due: dict[int, datetime] = {}
        self._trimmed_at: datetime | None = None

    def expect(self, partition: int, due: datetime | None) -> None:
        """A reminder of this partition falls due then, at the earliest."""
        if due is not None and (partition not in self._due or due < self._due[partition]):
            self._due[partition] = due

    def forget(self, partition: int) -> None:
        """The partition is somebody else's now."""
        self._due.pop(partition, None)

    async def sweep(self, owned: Mapping[int, Partition], relay: Relay) -> float:
        """Do what is due and return seconds until the next sweep is worth it."""
        await self._remind(owned, relay)
        await self._acknowledge(owned)
        await self._trim(owned)
        if not self._due:
            return SWEEP_SECONDS_MAX
        wait = (min(self._due.values()) - self._clock.now()).total_seconds()
        return min(max(wait, SWEEP_SECONDS_MIN), SWEEP_SECONDS_MAX)

    async def _remind(self, owned: Mapping[int, Partition], relay: Relay) -> None:
        now = self._clock.now()
        ripe = [number for number, due in self._due.items() if due <= now and number in owned]
        if not ripe:
            return
        reminders = await self._store.due(ripe, now, REMINDERS_PER_SWEEP_MAX)
        await self._fire(owned, relay, reminders, now)
        for number in ripe:
            self._due.pop(number, None)
            self.expect(number, await self._store.next_due(number))

    async def _fire(
        self, owned: Mapping[int, Partition], relay: Relay, reminders: Sequence[ReminderRow], now: datetime
    ) -> None:
        """Publish reminders to their own agents: time, too, comes back as an event in the log."""
        commit = Commit()
        for number in sorted({reminder.partition for reminder in reminders}):
            partition = owned[number]
            draft = partition.draft()
            for reminder in reminders:
                if reminder.partition == number:
                    draft.sequence += 1
                    commit.outbox.append(self._row(reminder, draft.sequence, now))
                    commit.reminders[reminder.subject, reminder.name] = None
            commit.moves.append(Move(partition.row, draft.row()))
        if not commit.moves:
            return
        await self._store.commit(commit)
        for move in commit.moves:
            partition = owned[move.after.partition]
            partition.row = move.after
            relay.offer(partition, [row for row in commit.outbox if row.partition == move.after.partition])

    def _row(self, reminder: ReminderRow, sequence: int, now: datetime) -> OutboxRow:
        cause = cause_of(now, reminder.correlation, reminder.causation, reminder.traceparent)
        source = source_of(self._service.name, reminder.partition)
        readable_as = self._readable_as.get(reminder.type, "")
        value = seal(cause, source, sequence, reminder.type, reminder.subject, reminder.data, readable_as)
        return OutboxRow(reminder.partition, sequence, self._service.stream.name, reminder.subject, value)

    async def _acknowledge(self, owned: Mapping[int, Partition]) -> None:
        """What was published and passed goes with commits; a partition that falls silent needs one of its own."""
        commit = Commit()
        for partition in owned.values():
            if partition.lags:
                commit.moves.append(Move(partition.row, partition.draft().row()))
        if commit.moves:
            await self._store.commit(commit)
            for move in commit.moves:
                owned[move.after.partition].row = move.after

    async def _trim(self, owned: Mapping[int, Partition]) -> None:
        now = self._clock.now()
        unhurried = self._trimmed_at is None or now - self._trimmed_at >= TRIM_IDLE
        for number, partition in owned.items():
            published = partition.row.published
            idle = published == partition.row.sequence and published > partition.trimmed
            if published - partition.trimmed >= TRIM_ROWS_MIN or (idle and unhurried):
                await self._store.trim(number, published)
                partition.trimmed = published
                self._trimmed_at = now
