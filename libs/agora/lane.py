"""The way to one target: its activities in memory, in the order in which they fall due, and who may be called now."""

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count, takewhile
from typing import Final

from agora.activity import Activity
from agora.breaker import Breaker
from agora.ports import ActivityRow
from agora.versions import Opener

ACTIVITIES_PER_TARGET_MAX: Final = 2_000
TASK_BYTES_PER_TARGET_MAX: Final = 32_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of task: how it is done, how its data is read, and which way its calls go."""

    activity: Activity
    open: Opener
    lane: "Lane"


@dataclass(slots=True, eq=False)
class Held:
    """An activity in memory, for one attempt: a later attempt, or the same name asked anew, is another one.

    At ``deadline`` it is given up, however few attempts were made.
    """

    row: ActivityRow
    kind: Kind
    deadline: datetime
    dropped: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """The agent that asked, and the name under which it did."""
        return self.row.subject, self.row.name


class Lane:
    """What is held for one target, at most so many activities and bytes; the rest is in the store until there is room.

    ``outside`` is the earliest time at which something that is in the store alone falls due. What falls due first goes
    first, inside and outside, so nothing is overtaken for ever.
    """

    def __init__(
        self,
        breaker: Breaker,
        concurrency_max: int,
        held_max: int = ACTIVITIES_PER_TARGET_MAX,
        bytes_max: int = TASK_BYTES_PER_TARGET_MAX,
    ) -> None:
        self.breaker = breaker
        self.concurrency_max = concurrency_max
        self.held_max = held_max
        self.running = 0
        self.outside: datetime | None = None
        self._bytes_max = bytes_max
        self._count = 0
        self._bytes = 0
        self._ready: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._later: list[tuple[datetime, int, Held]] = []
        self._serial = count()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another activity."""
        return self._count >= self.held_max or self._bytes >= self._bytes_max

    def wants_more(self, now: datetime) -> bool:
        """Whether something outside is due while half of the room or more is free of what is due inside."""
        if self.outside is None or self.outside > now or self._bytes * 2 > self._bytes_max:
            return False
        return (len(self._ready) + self.running) * 2 <= self.held_max

    def leave_outside(self, due: datetime) -> None:
        """Something that falls due then is in the store alone."""
        self.outside = due if self.outside is None else min(self.outside, due)

    def offer(self, held: Held, now: datetime) -> bool:
        """Hold what was just committed; false if there is no room for it or what is outside comes first."""
        due = held.row.due
        if self.is_full or (self.outside is not None and self.outside <= max(now, due)):
            self.leave_outside(due)
            return False
        self.hold(held, now)
        return True

    def hold(self, held: Held, now: datetime) -> None:
        """Take one in."""
        self._count += 1
        self._bytes += len(held.row.data)
        if held.row.due <= now:
            self._ready[held.place] = held
        else:
            heapq.heappush(self._later, (held.row.due, next(self._serial), held))

    def drop(self, held: Held) -> None:
        """Let one go."""
        held.dropped = True
        self._count -= 1
        self._bytes -= len(held.row.data)
        if self._ready.get(held.place) is held:
            del self._ready[held.place]
        elif len(self._later) > 2 * self._count:
            self._later = [entry for entry in self._later if not entry[2].dropped]
            heapq.heapify(self._later)

    def not_yet_due(self, now: datetime) -> Iterator[Held]:
        """What could make room: nothing will be done about it soon, and the store has it."""
        self._ripen(now)
        return (held for _, _, held in list(self._later) if not held.dropped)

    def late(self, now: datetime) -> list[Held]:
        """Those whose time is up: the next in line or, while nobody is called, any."""
        self._ripen(now)
        if self.breaker.opened_until is None:
            late = list(takewhile(lambda held: held.deadline <= now, self._ready.values()))
        else:
            late = [held for held in self._ready.values() if held.deadline <= now]
        for held in late:
            del self._ready[held.place]
        return late

    def begin(self) -> Held | None:
        """The next that may be called; it counts as running."""
        if not self._ready or self.running >= self.concurrency_max or not self.breaker.admits():
            return None
        _, held = self._ready.popitem(last=False)
        self.running += 1
        self.breaker.begin()
        return held

    def next(self, now: datetime) -> datetime | None:
        """When there is something to do, unless a call ends or something comes in before that."""
        moments = [self._later[0][0]] if self._later else []
        if self.outside is not None and self.outside > now:
            moments.append(self.outside)
        if self._ready and self.running < self.concurrency_max:
            if self.breaker.opened_until is None:
                return now
            moments.extend(held.deadline for held in self._ready.values())
            if not self.breaker.is_probing:
                moments.append(self.breaker.opened_until)
        return min(moments, default=None)

    def _ripen(self, now: datetime) -> None:
        while self._later and self._later[0][0] <= now:
            held = heapq.heappop(self._later)[2]
            if not held.dropped:
                self._ready[held.place] = held
