"""What is found where frozen contracts and code differ."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from agora.contracts.compare import ABSENT, Json, differences

Side: TypeAlias = Literal["written", "read", "sample", "consumers", "folder"]

SHOWN_CHARS_MAX: Final = 200
TO_FREEZE: Final = "Run: agora contracts freeze"
TO_RESTORE: Final = "Take the file out of the history again"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: which event, which side of its contract, where in it, what is frozen there and what is now."""

    event: str
    side: Side
    path: str
    frozen: str
    now: str
    advice: str

    def __str__(self) -> str:
        return f"{self.event}: {self.side}: {self.path}: frozen {self.frozen}, now {self.now}. {self.advice}."


def compared(event: str, side: Side, frozen: Json, now: Json, advice: str) -> Iterator[Finding]:
    """A finding for every place in which two JSON values differ."""
    for one in differences(frozen, now):
        yield Finding(event, side, one.path, shown(one.frozen), shown(one.now), advice)


def shown(value: Any) -> str:
    """A value as a finding shows it, cut off where it is long."""
    text = "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}…"
