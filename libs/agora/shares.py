"""A share: the partitions of a service's stream whose states live in one database, where a service has several."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

SHARE_CHARS_MAX: Final = 200
SHOWN_CHARS_MAX: Final = 40

_RANGE: Final = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Share:
    """Some partitions, by number; as text ``0-255`` or ``0-3,8``, in one spelling however it was written."""

    partitions: frozenset[int]

    @classmethod
    def parse(cls, text: str, partitions_max: int) -> Self:
        """Read a share of a stream of at most so many partitions. Raises ``ValueError`` that says what it should be."""
        if len(text) > SHARE_CHARS_MAX:
            raise ValueError(f"should be {SHARE_CHARS_MAX} characters at most: name ranges, such as 0-255")
        found: set[int] = set()
        for part in text.split(","):
            numbers = _range(part, partitions_max)
            if doubled := sorted(found.intersection(numbers)):
                raise ValueError(f"should name each partition once, and names {doubled[0]} twice")
            found.update(numbers)
        return cls(frozenset(found))

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in _runs(self.partitions))

    def __contains__(self, number: int) -> bool:
        return number in self.partitions


def group_of(service: str, prefix: str = "", share: Share | None = None) -> str:
    """The consumer group of a service's processes: those of each share are a group of their own."""
    return f"{prefix}{service}" if share is None else f"{prefix}{service}.{share}"


def _range(part: str, partitions_max: int) -> range:
    match = _RANGE.fullmatch(part.strip(" "))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if last < first:
        raise ValueError(f"should be partitions such as 0-255 or 0-3,8, not {part[:SHOWN_CHARS_MAX]!r}")
    if last >= partitions_max:
        raise ValueError(f"should be partitions from 0 up to {partitions_max - 1}, and {last} is none of them")
    return range(first, last + 1)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of each run of numbers that follow one another."""
    ordered = sorted(numbers)
    starts = [number for place, number in enumerate(ordered) if place == 0 or ordered[place - 1] != number - 1]
    ends = [number for place, number in enumerate(ordered) if ordered[place + 1 : place + 2] != [number + 1]]
    return zip(starts, ends, strict=True)
