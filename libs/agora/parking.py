"""An operator's word on parked agents: take their events again in order, or drop the first."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

from agora.batch import PARKED_EVENTS_PER_AGENT_MAX, Batch, moment
from agora.control import RedriveParked, SkipParked
from agora.envelope import REASON_CHARS_MAX, Undecodable
from agora.partition import Draft, Partition
from agora.ports import ParkedRow, Refused, Store
from agora.wire import Codec, Heard

CONTROLS: Final = (RedriveParked, SkipParked)


def is_control(service: str, heard: object) -> bool:
    """Whether this is an operator's word on an agent of this service, said to that agent."""
    if not isinstance(heard, Heard) or type(heard.event) not in CONTROLS:
        return False
    control: Any = heard.event
    return control.service == service and control.agent == heard.subject


class Parking:
    """Obeys ``RedriveParked`` and ``SkipParked``. Each parked event is a commit of its own, so one may fail alone."""

    def __init__(
        self,
        store: Store,
        codec: Codec,
        begin: Callable[[], Batch],
        load: Callable[[Sequence[tuple[Draft, Heard]]], Awaitable[None]],
        commit: Callable[[Batch], Awaitable[None]],
    ) -> None:
        self._store = store
        self._codec = codec
        self._begin = begin
        self._load = load
        self._commit = commit

    async def obey(self, partition: Partition, heard: Heard) -> None:
        """Carry out one control event and consume it."""
        if isinstance(heard.event, RedriveParked):
            await self._redrive(partition, heard)
        else:
            await self._skip(partition, heard)

    async def _redrive(self, partition: Partition, heard: Heard) -> None:
        error = None
        for row in await self._store.parked(heard.subject, PARKED_EVENTS_PER_AGENT_MAX):
            # The time of the word, not of the record: that is when the event is decided, and it is in the log.
            error = await self._again(partition, row, moment(heard.record.timestamp))
            if error is not None:
                break
        batch = self._begin()
        draft = batch.draft(partition)
        batch.consume(draft, heard)
        if error is None:
            draft.parked.pop(heard.subject, None)
        else:
            batch.report(draft, heard, error)
        await self._commit(batch)

    async def _again(self, partition: Partition, row: ParkedRow, now: datetime) -> str | None:
        """Decide one parked event; return why it failed, or ``None``."""
        batch = self._begin()
        draft = batch.draft(partition)
        try:
            heard = self._codec.open(row)
        except Undecodable as undecodable:
            return str(undecodable)
        if heard is not None:
            await self._load([(draft, heard)])
        try:
            if heard is not None:
                batch.decide(draft, heard, now)
        except Exception as error:  # noqa: BLE001 - as in any turn, whatever a decision raises keeps its agent parked
            return f"{type(error).__name__}: {error}"[:REASON_CHARS_MAX]
        batch.commit.unparked.append((row.subject, row.position))
        try:
            await self._commit(batch)
        except Refused as refused:
            return str(refused)
        return None

    async def _skip(self, partition: Partition, heard: Heard) -> None:
        batch = self._begin()
        draft = batch.draft(partition)
        batch.consume(draft, heard)
        rows = await self._store.parked(heard.subject, 2)
        if rows:
            batch.commit.unparked.append((rows[0].subject, rows[0].position))
            batch.dead(rows[0], f"skipped by an operator: {rows[0].error}"[:REASON_CHARS_MAX])
        if len(rows) <= 1:
            draft.parked.pop(heard.subject, None)
        await self._commit(batch)
