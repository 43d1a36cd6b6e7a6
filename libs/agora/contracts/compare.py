"""How two JSON values differ, place by place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any


class Absent:
    """Nothing is there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place, as a JSON path such as ``$.properties.total``, and what is there; ``ABSENT`` where nothing is."""

    path: str
    frozen: Json
    now: Json


def differences(frozen: Json, now: Json, path: str = "$") -> Iterator[Difference]:
    """Every difference, as deep down as both sides are objects, or lists of one length."""
    if isinstance(frozen, Mapping) and isinstance(now, Mapping):
        for name in sorted({*frozen, *now}):
            yield from differences(frozen.get(name, ABSENT), now.get(name, ABSENT), f"{path}.{name}")
    elif isinstance(frozen, list) and isinstance(now, list) and len(frozen) == len(now) and _objects(frozen):
        for place, (before, after) in enumerate(zip(frozen, now, strict=True)):
            yield from differences(before, after, f"{path}[{place}]")
    elif type(frozen) is not type(now) or frozen != now:
        yield Difference(path, frozen, now)


def _objects(values: list[Any]) -> bool:
    return any(isinstance(value, Mapping) for value in values)
