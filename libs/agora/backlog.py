"""How far a reader of the log has come in each partition it reads, and how long what it has not done has waited."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol


class Appended(Protocol):
    """A record as Kafka has it: ``timestamp`` is when it was appended, in ms since 1970."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...


class Lag(NamedTuple):
    """What is left to do of a partition: records, and the age in seconds of the oldest, at most."""

    topic: str
    partition: int
    records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Course:
    """The next offset to do, the log's next one, and since when something may have waited, in seconds since 1970."""

    done: int
    end: int
    since: float | None = None


class Backlog:
    """Told what was read and what was done in one thread; asked in any."""

    def __init__(self) -> None:
        self._courses: Mapping[Any, _Course] = {}

    def sees(self, places: Mapping[Any, tuple[int, int]], now: float) -> None:
        """Note, with nothing in hand, all that is read: the next offset to read of each, and the log's next one."""
        self._courses = {place: self._seen(place, *offsets, now) for place, offsets in places.items()}

    def took(self, taken: Mapping[Any, Sequence[Appended]]) -> None:
        """Records were read, and are not done yet."""
        self._courses = {**self._courses, **{place: self._taken(place, records) for place, records in taken.items()}}

    def did(self, taken: Mapping[Any, Sequence[Appended]]) -> None:
        """What was taken is done; what follows in the log is no older than the last of it."""
        done = {
            place: replace(self._courses[place], done=records[-1].offset + 1, since=records[-1].timestamp / 1000)
            for place, records in taken.items()
        }
        self._courses = {**self._courses, **done}

    def lags(self, now: float) -> Iterator[Lag]:
        """What is left to do of every partition. Of one that was begun just now, the age counts from then."""
        for place, course in self._courses.items():
            records = max(0, course.end - course.done)
            since = now if course.since is None else course.since
            yield Lag(place.topic, place.partition, records, max(0.0, now - since) if records else 0.0)

    def _seen(self, place: Any, done: int, end: int, now: float) -> _Course:
        """Where nothing waited, what waits now has come just now."""
        if end <= done:
            return _Course(done, end)
        before = self._courses.get(place)
        waits = before is not None and before.done == done and before.since is not None
        return _Course(done, end, before.since if before and waits else now)

    def _taken(self, place: Any, records: Sequence[Appended]) -> _Course:
        before = self._courses.get(place)
        end = records[-1].offset + 1
        return _Course(records[0].offset, max(end, before.end) if before else end, records[0].timestamp / 1000)
