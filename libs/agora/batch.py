"""One turn batch: events are decided one by one, and everything they change is gathered into one commit."""

import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from agora.control import ErrorOccurred
from agora.decision import Append, Put, RowChange
from agora.envelope import REASON_CHARS_MAX
from agora.event import Event
from agora.later import Later
from agora.partition import Agent, Draft, Partition
from agora.ports import Clock, Commit, DeadLetter, Move, OutboxRow, ParkedRow, Record, StoredAgent
from agora.promise import Promises
from agora.service import Service
from agora.states import States
from agora.versions import Unread
from agora.wire import Cause, Heard, iso, seal, trace_of

PARKED_EVENTS_PER_AGENT_MAX: Final = 1_000
RECENT_IDS_PER_AGENT_MAX: Final = 64
TIMESTAMP_MS_MAX: Final = 253_402_300_799_000  # the last second of the year 9999

log = logging.getLogger(__name__)


class Unopenable(Exception):
    """A stored state, or an event, that this code cannot open."""


class Batch:
    """The turns of one commit, over as many partitions as the poll returned."""

    def __init__(
        self,
        service: Service,
        states: States,
        promises: Promises,
        clock: Clock,
        refusal: str | None = None,
    ) -> None:
        """With a ``refusal``, every turn is parked for that reason: the database would not have it."""
        self._service = service
        self._states = states
        self._promises = promises
        self._written = promises.written
        self._clock = clock
        self._drafts: dict[int, Draft] = {}
        self._refusal = refusal
        self.commit = Commit()

    def draft(self, partition: Partition) -> Draft:
        """The working copy of a partition, made on first use."""
        number = partition.row.partition
        draft = self._drafts.get(number)
        if draft is None:
            draft = self._drafts[number] = partition.draft()
        return draft

    def sealed(self) -> Commit:
        """The commit, complete with the states and the partition rows."""
        written = self._states.written
        for draft in self._drafts.values():
            self.commit.moves.append(Move(draft.partition.row, draft.row()))
            self.commit.agents.extend(
                StoredAgent(subject, written(draft.agents[subject].state), draft.agents[subject].recent)
                for subject in draft.changed
            )
        return self.commit

    def install(self) -> None:
        """Make the committed batch the truth in memory."""
        for move, draft in zip(self.commit.moves, self._drafts.values(), strict=True):
            draft.partition.install(draft, move.after)

    def consume(self, draft: Draft, heard: Heard) -> bool:
        """Move past a record; false if it was heard before."""
        draft.next_offset = heard.record.offset + 1
        if heard.sequence:
            if heard.sequence <= draft.heard.get(heard.source, 0):
                draft.count("duplicates")
                return False
            draft.heard[heard.source] = heard.sequence
        return True

    def turn(self, draft: Draft, heard: Heard) -> None:
        """Decide one event, or set it aside if its agent is parked or the turn fails."""
        if heard.subject in draft.parked:
            self._park(draft, heard, "behind a parked event")
            return
        try:
            if self._refusal is not None:
                raise Unopenable(self._refusal)  # noqa: TRY301 - one place decides what a failed turn does
            self.decide(draft, heard)
        except Exception as error:  # noqa: BLE001 - whatever a decision raises parks its agent, never the partition
            self.failed(draft, heard, f"{type(error).__name__}: {error}"[:REASON_CHARS_MAX])

    def failed(self, draft: Draft, heard: Heard, error: str) -> None:
        """Park the event and say so."""
        log.warning("turn of %s/%s failed: %s", self._service.name, heard.subject, error, extra=_about(heard))
        self._park(draft, heard, error)
        self.report(draft, heard, error)

    def report(self, draft: Draft, heard: Heard, error: str) -> None:
        """Publish ``ErrorOccurred``."""
        occurred = ErrorOccurred(
            service=self._service.name,
            agent=heard.subject,
            cause_type=heard.type,
            cause=f"{heard.source} {heard.id}",
            error=error,
        )
        self.tell(draft, _cause(heard, moment(heard.record.timestamp)), (occurred,))

    def dead(self, record: Record, reason: str) -> None:
        """Keep a record that cannot be read."""
        about = {"partition": record.partition}
        log.warning("dead letter: partition %s offset %s: %s", record.partition, record.offset, reason, extra=about)
        self.commit.dead_letters.append(
            DeadLetter(
                record.partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
                tuple(record.headers),
                reason,
            )
        )

    def decide(self, draft: Draft, heard: Heard, now: datetime | None = None) -> None:
        """One turn. Raises what the decision raises, with nothing changed."""
        subject = heard.subject
        agent = draft.agents[subject]
        if type(agent.state) is Unopenable:
            raise agent.state
        if type(heard.event) is Unread:
            raise Unopenable(heard.event.reason)
        recent = agent.recent
        if not heard.sequence:
            token = f"{heard.source} {heard.id}"
            if token in recent:
                draft.count("duplicates")
                return
            recent = (*recent, token)[-RECENT_IDS_PER_AGENT_MAX:]
        now = now or moment(heard.record.timestamp)
        decision = self._service.decide(agent.state, heard.event, now)
        later = Later(self._service, draft.partition.row.partition, heard)
        reminders = [later.reminder(reminder, self._promises) for reminder in decision.reminders]
        activities = [later.activity(asked, index, self._clock) for index, asked in enumerate(decision.activities)]
        if decision.publishes:
            self.tell(draft, _cause(heard, now), decision.publishes)
        # Nothing below can fail, so a turn that raises has changed nothing.
        self.commit.reminders.update(reminders)
        self.commit.activities.update(activities)
        for change in decision.rows:
            self._write(change)
        if decision.state is not None or recent is not agent.recent:
            draft.agents[subject] = Agent(agent.state if decision.state is None else decision.state, recent)
            draft.changed.add(subject)
        draft.count(f"heard {heard.type}")

    def tell(self, draft: Draft, cause: Cause, events: tuple[Event, ...]) -> None:
        """Publish events, each to everyone it concerns. Raises, with nothing changed, if one must not be said."""
        number = draft.partition.row.partition
        source = source_of(self._service.name, number)
        sequence = draft.sequence
        rows: list[OutboxRow] = []
        for event in events:
            data = None
            for concerned in event.concerns():
                seen = event.seen_by(concerned)
                if seen is not event:
                    told = self._written(seen)
                else:
                    told = data = data or self._written(event)
                sequence += 1
                value = seal(cause, source, sequence, event.wire_name, concerned.id, told, event.readable_as)
                rows.append(OutboxRow(number, sequence, concerned.stream.name, concerned.id, value))
        for event in events:
            draft.count(f"told {event.wire_name}")
        draft.sequence = sequence
        self.commit.outbox.extend(rows)

    def _write(self, change: RowChange) -> None:
        if isinstance(change, Append):
            self.commit.appends.setdefault(type(change.row), []).append(change.row)
        elif isinstance(change, Put):
            row = change.row
            key = tuple(getattr(row, column) for column in row.key)
            self.commit.puts.setdefault(type(row), {})[key] = row
        else:
            self.commit.puts.setdefault(change.table, {})[change.key] = None

    def _park(self, draft: Draft, heard: Heard, error: str) -> None:
        position = draft.parked.get(heard.subject, 0)
        record = heard.record
        if position >= PARKED_EVENTS_PER_AGENT_MAX:
            self.dead(record, f"more than {PARKED_EVENTS_PER_AGENT_MAX:,} events parked for {heard.subject}")
            return
        draft.parked[heard.subject] = position + 1
        draft.count("parked")
        self.commit.parked.append(
            ParkedRow(
                draft.partition.row.partition,
                heard.subject,
                position,
                record.offset,
                record.timestamp,
                record.key or b"",
                record.value or b"",
                tuple(record.headers),
                error,
            )
        )


def opened_agent(states: States, stored: StoredAgent | None, initial: Any) -> Agent:
    """An agent from its stored row, or as nobody has spoken to it yet."""
    if stored is None:
        return Agent(initial)
    try:
        return Agent(states.read(stored.state), stored.recent)
    except ValueError as error:
        return Agent(Unopenable(f"stored state does not open: {error}"[:REASON_CHARS_MAX]), stored.recent)


@lru_cache(maxsize=4096)
def source_of(service: str, partition: int) -> str:
    """The CloudEvents source of a partition's outbox, such as ``transaction-3``."""
    return f"{service}-{partition}"


def cause_of(now: datetime, correlation: str, causation: str, traceparent: str) -> Cause:
    """What everything said at a moment, for one story and cause, has in common."""
    return Cause(_iso(now), correlation, causation, trace_of(traceparent, correlation))


@lru_cache(maxsize=256)
def moment(timestamp_ms: int) -> datetime:
    """A record's timestamp as a time of day; what only a foreign clock could say is brought into the calendar."""
    return datetime.fromtimestamp(min(max(timestamp_ms, 0), TIMESTAMP_MS_MAX) / 1000, UTC)


def _cause(heard: Heard, now: datetime) -> Cause:
    # Its trace context was checked as it was opened.
    trace = heard.traceparent[3:35] or trace_of("", heard.correlation)
    return Cause(_iso(now), heard.correlation, f"{heard.source}/{heard.id}", trace)


def _about(heard: Heard) -> dict[str, object]:
    """What a line of the log says of a turn besides its words."""
    partition = heard.record.partition
    return {"partition": partition, "story": heard.correlation, "agent": heard.subject, "event_type": heard.type}


@lru_cache(maxsize=256)
def _iso(moment: datetime) -> str:
    return iso(moment)
