"""The activities of the partitions this process owns: what waits, who is called now, and which calls have ended."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from agora.activity import Activity, Call, Declined
from agora.breaker import Breaker
from agora.envelope import REASON_CHARS_MAX
from agora.lane import ACTIVITIES_PER_TARGET_MAX, Held, Kind, Lane
from agora.ports import ActivityRow, Clock, Store
from agora.versions import openers

log = logging.getLogger(__name__)


class Failure(NamedTuple):
    """Why an attempt, or with ``final`` the whole activity, has failed."""

    reason: str
    final: bool = False


class Ended(NamedTuple):
    """How one attempt has ended: with what ``perform`` returned, or with a ``Failure``."""

    held: Held
    result: object


class Target(NamedTuple):
    """How it stands with one other side: what is held for it, how many calls are made, and whether none may be."""

    name: str
    held: int
    calling: int
    is_open: bool


class Performing:
    """Makes calls, holds how they ended until that is written down, and knows when there is something to do next.

    It writes nothing. ``calls`` hands out what may be called now, and each is to be made once, side by side or one
    after another; ``ended`` hands out what to write down. What is committed comes back through ``take``. Whoever waits
    for ``work`` makes calls, whoever waits for ``results`` writes them down.
    """

    def __init__(
        self,
        activities: Sequence[Activity],
        store: Store,
        clock: Clock,
        held_per_target_max: int = ACTIVITIES_PER_TARGET_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._kinds = _kinds(activities, clock, held_per_target_max)
        self._lanes = {id(kind.lane): kind.lane for kind in self._kinds.values()}.values()
        self._held: dict[tuple[str, str], Held] = {}
        self._ended: list[Ended] = []
        self._unknown: set[str] = set()
        self._work = asyncio.Event()
        self._results = asyncio.Event()

    async def work(self) -> None:
        """Wait until there may be a call to make."""
        now = self._clock.now()
        moments = [moment for lane in self._lanes if (moment := lane.next(now)) is not None]
        seconds = (min(moments) - now).total_seconds() if moments else None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._work.wait()
        self._work.clear()

    async def results(self) -> None:
        """Wait until there is something to write down, or to bring in from the store."""
        await self._results.wait()
        self._results.clear()

    def calls(self) -> Iterator[Held]:
        """What may be called now, one after another; each that is taken must be made."""
        now = self._clock.now()
        for lane in self._lanes:
            while True:
                self._ended += [Ended(held, Failure(_late(held), final=True)) for held in lane.late(now)]
                held = lane.begin()
                if held is None:
                    break
                yield held
        if self._ended or any(lane.wants_more(now) for lane in self._lanes):
            self._results.set()

    async def make(self, held: Held) -> None:
        """Make one call."""
        try:
            result = await self._attempt(held)
        finally:
            held.kind.lane.running -= 1
        self._ended.append(Ended(held, result))
        self._results.set()
        self._work.set()

    def ended(self) -> list[Ended]:
        """How calls have ended since this was last asked. What nobody waits for any more is left out."""
        ended, self._ended = self._ended, []
        return [one for one in ended if not one.held.dropped]

    def take(self, activities: Mapping[tuple[str, str], ActivityRow | None]) -> None:
        """Follow a commit: what was asked for or is to be tried again, and what is over (``None``)."""
        now = self._clock.now()
        for place, row in activities.items():
            before = self._held.pop(place, None)
            if before is not None:
                before.kind.lane.drop(before)
            if row is not None:
                self._offer(row, now)
        self._work.set()

    async def adopt(self, partition: int) -> None:
        """Take over what is not done of a partition: it comes in as there is room."""
        if not self._kinds:
            return
        for name, due in (await self._store.asked(partition)).items():
            if name in self._kinds:
                self._kinds[name].lane.leave_outside(due)
            elif name not in self._unknown:
                self._unknown.add(name)
                about = {"partition": partition, "event_type": name}
                log.warning("nobody knows how to do '%s': it waits for a release that does", name, extra=about)
        self._work.set()

    def forget(self, partition: int) -> None:
        """Let go of a partition that may have another owner. Calls go on, but nobody waits for them."""
        for place, held in list(self._held.items()):
            if held.row.partition == partition:
                del self._held[place]
                held.kind.lane.drop(held)

    async def refill(self, owned: Iterable[int]) -> None:
        """Bring in more from the store where there is room."""
        now = self._clock.now()
        for lane in self._lanes:
            if lane.wants_more(now):
                await self._refill(lane, list(owned), now)
                self._work.set()

    def not_before(self, row: ActivityRow) -> datetime | None:
        """When something can be done about an activity; ``None`` if never, because nobody knows how to do it."""
        kind = self._kinds.get(row.type)
        if kind is None:
            return None
        opened_until = kind.lane.breaker.opened_until
        return min(_held(row, kind).deadline, max(row.due, opened_until or row.due))

    def targets(self) -> list[Target]:
        """How it stands with everyone who is asked. May be asked from any thread."""
        held = Counter(one.kind.activity.target for one in self._held.copy().values())
        lanes = {kind.activity.target: kind.lane for kind in self._kinds.values()}
        return [
            Target(name, held[name], lane.running, lane.breaker.opened_until is not None)
            for name, lane in lanes.items()
        ]

    def _offer(self, row: ActivityRow, now: datetime) -> None:
        held = _held(row, self._kinds[row.type])
        if held.kind.lane.offer(held, now):
            self._held[held.place] = held

    async def _refill(self, lane: Lane, owned: Sequence[int], now: datetime) -> None:
        """Whatever falls due first comes in; what was inside and falls due later may have to make room."""
        types = [name for name, kind in self._kinds.items() if kind.lane is lane]
        rows = await self._store.activities(owned, types, lane.held_max)
        for held in lane.not_yet_due(now):
            del self._held[held.place]
            lane.drop(held)
        lane.outside = rows[-1].due if len(rows) == lane.held_max else None
        for row in rows:
            held = _held(row, self._kinds[row.type])
            if held.place in self._held:
                continue
            if lane.is_full:
                lane.leave_outside(row.due)
                break
            self._held[held.place] = held
            lane.hold(held, now)

    async def _attempt(self, held: Held) -> object:
        row, kind = held.row, held.kind
        activity, breaker = kind.activity, kind.lane.breaker
        call = Call(row.key, row.attempts + 1, self._clock.now())
        timer = asyncio.timeout(activity.timeout_seconds)
        try:
            async with timer:
                outcome = await activity.perform(kind.open(row.data), call)
        except Declined as declined:
            breaker.answered()
            return Failure(plain(str(declined)) or "declined", final=True)
        except asyncio.CancelledError:
            breaker.failed()
            if _is_stopping():
                raise
            return Failure("cancelled")
        except Exception as error:  # noqa: BLE001 - whatever a call raises is one failed attempt
            breaker.failed()
            late = f"no answer within {activity.timeout_seconds:g} s"
            return Failure(late if timer.expired() else reason_of(error))
        breaker.answered()
        return outcome


def reason_of(error: Exception) -> str:
    """What went wrong, in a line or two."""
    return plain(f"{type(error).__name__}: {error}")


def plain(reason: str) -> str:
    """What another side has said, short and without anything that is no text: it goes into logs and events."""
    return "".join(character if character.isprintable() else " " for character in reason[:REASON_CHARS_MAX])


def _kinds(activities: Sequence[Activity], clock: Clock, held_max: int) -> dict[str, Kind]:
    lanes: dict[str, Lane] = {}
    kinds: dict[str, Kind] = {}
    for activity in activities:
        together = min(other.concurrency_max for other in activities if other.target == activity.target)
        lane = lanes.setdefault(activity.target, Lane(Breaker(clock), together, held_max))
        for name, opener in openers([activity.task]).items():
            if name in kinds:
                raise ValueError(f"two activities for one task, {name}")
            kinds[name] = Kind(activity, opener, lane)
    return kinds


def _held(row: ActivityRow, kind: Kind) -> Held:
    return Held(row, kind, row.asked_at + timedelta(seconds=kind.activity.give_up_seconds))


def _late(held: Held) -> str:
    return f"not done within {held.kind.activity.give_up_seconds:g} s"


def _is_stopping() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
