"""Writes down how activities ended: the outcome as an event to who asked, or a later attempt; many in one commit."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

from agora.batch import Batch, cause_of
from agora.control import ErrorOccurred
from agora.event import Event, Subject
from agora.lane import Held
from agora.partition import Draft, Partition
from agora.performing import Ended, Failure, Performing, plain, reason_of
from agora.ports import ActivityRow, Clock, Refused, Unavailable
from agora.promise import ContractBroken
from agora.service import Service
from agora.wire import Cause

REASON_TOLD_CHARS_MAX: Final = 100
DOUBLINGS_MAX: Final = 32

log = logging.getLogger(__name__)


class Outcomes:
    """Follows ``Performing``, with the engine's turnstile held.

    However often a call was made, its outcome is told once: the activity's row goes in the commit that tells it.
    """

    def __init__(
        self,
        service: Service,
        heard: Sequence[type[Event]],
        performing: Performing,
        clock: Clock,
        chance: Random | None,
        begin: Callable[[], Batch],
        commit: Callable[[Batch], Awaitable[None]],
    ) -> None:
        """``heard`` are the events this service consumes: an outcome is one of them."""
        self._service = service
        self._heard = frozenset(heard)
        self._performing = performing
        self._clock = clock
        self._chance = chance or Random()  # noqa: S311 - it spreads attempts, it guards nothing
        self._begin = begin
        self._commit = commit

    async def conclude(self, owned: Mapping[int, Partition]) -> None:
        """Write down what has ended, and make room for what is still to be done."""
        ended = self._performing.ended()
        if ended:
            try:
                await self._write(owned, ended, self._end)
            except Refused as refused:
                log.warning("the database refused %s outcomes, taking them one by one: %s", len(ended), refused)
                for one in ended:
                    await self._write_alone(owned, one)
        await self._performing.refill(owned)

    async def _write(
        self,
        owned: Mapping[int, Partition],
        ended: Sequence[Ended],
        how: Callable[[Batch, Draft, Held, object], None],
    ) -> None:
        batch = self._begin()
        for held, result in ended:
            how(batch, batch.draft(owned[held.row.partition]), held, result)
        await self._commit(batch)

    async def _write_alone(self, owned: Mapping[int, Partition], one: Ended) -> None:
        """What the database refuses is a failed attempt; what it refuses of the failure is an error, and the end."""
        try:
            await self._write(owned, [one], self._end)
        except Refused as refused:
            failure = Failure(f"the database refused it: {refused}", isinstance(one.result, Failure))
            try:
                await self._write(owned, [one._replace(result=failure)], self._end)
            except Refused as again:
                await self._write_error(owned, one._replace(result=f"the database refused it: {again}"))

    async def _write_error(self, owned: Mapping[int, Partition], one: Ended) -> None:
        try:
            await self._write(owned, [one], self._break_off)
        except Refused as refused:  # it is not about this activity, then: all is let go of, and tried again later
            raise Unavailable(f"a database that takes nothing: {refused}") from refused

    def _end(self, batch: Batch, draft: Draft, held: Held, result: object) -> None:
        if isinstance(result, Failure):
            self._fail(batch, draft, held, result)
            return
        try:
            self._tell(batch, draft, held, result)
        except Exception as error:  # noqa: BLE001 - an outcome that cannot be told is one failed attempt
            self._fail(batch, draft, held, Failure(reason_of(error)))

    def _fail(self, batch: Batch, draft: Draft, held: Held, failure: Failure) -> None:
        now, row, activity = self._clock.now(), held.row, held.kind.activity
        attempts, about = row.attempts + 1, _about(row)
        if not failure.final and attempts < activity.attempts_max and now < held.deadline:
            log.info("attempt %s at %s of %s failed: %s", attempts, row.type, row.subject, failure.reason, extra=about)
            draft.count("failed attempts")
            due = min(now + self._backoff(held), held.deadline)
            batch.commit.activities[held.place] = row._replace(attempts=attempts, due=due)
            return
        log.warning("%s of %s given up: %s", row.type, row.subject, failure.reason, extra=about)
        try:
            event = activity.failed(held.kind.open(row.data), failure.reason[:REASON_TOLD_CHARS_MAX])
            self._tell(batch, draft, held, event)
        except Exception as error:  # noqa: BLE001 - nothing is left to be tried
            self._break_off(batch, draft, held, f"{reason_of(error)}; {failure.reason}")

    def _backoff(self, held: Held) -> timedelta:
        """Anything from nothing up to a bound that doubles with every attempt, so that not all come back at once."""
        activity = held.kind.activity
        bound = activity.backoff_seconds * 2 ** min(held.row.attempts, DOUBLINGS_MAX)
        return timedelta(seconds=self._chance.uniform(0, min(bound, activity.backoff_seconds_max)))

    def _tell(self, batch: Batch, draft: Draft, held: Held, outcome: object) -> None:
        """Tell the outcome. Raises, with nothing changed, if it is none."""
        if not isinstance(outcome, Event) or type(outcome) not in self._heard:
            raise ContractBroken(f"{type(outcome).__name__} is no event that {self._service.name} hears")
        if Subject(self._service.stream, held.row.subject) not in outcome.concerns():
            raise ContractBroken(f"{outcome.wire_name} is not addressed to {held.row.subject}, who asked")
        batch.tell(draft, self._cause(held, self._clock.now()), (outcome,))
        batch.commit.activities[held.place] = None

    def _break_off(self, batch: Batch, draft: Draft, held: Held, error: object) -> None:
        """No outcome can be told: say so, so that somebody looks, and make an end."""
        row = held.row
        log.error("%s of %s ends without an outcome: %s", row.type, row.subject, error, extra=_about(row))
        occurred = ErrorOccurred(
            service=self._service.name,
            agent=row.subject,
            cause_type=row.type,
            cause=row.key,
            error=plain(str(error)),
        )
        batch.tell(draft, self._cause(held, self._clock.now()), (occurred,))
        batch.commit.activities[held.place] = None

    def _cause(self, held: Held, now: datetime) -> Cause:
        row = held.row
        return cause_of(now, row.correlation, row.causation, row.traceparent)


def _about(row: ActivityRow) -> dict[str, object]:
    return {"partition": row.partition, "story": row.correlation, "agent": row.subject, "event_type": row.type}
