"""What a service's own database can prove about itself, what two services must agree on, and what the log proves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from agora.event import Event, Stream

Across: TypeAlias = Literal["sum", "min", "max"]

_ACROSS: Final[Mapping[Across, Callable[[Iterable[int]], int]]] = {"sum": sum, "min": min, "max": max}

LOG: Final = "log"
"""Stands for the log where a service is named: what was said, not what anyone keeps of it."""


@dataclass(frozen=True, slots=True)
class Check:
    """``sql`` returns one row ``(count bigint)``: the violations found. Sound is 0."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Figure:
    """``sql`` returns rows ``(key text, value bigint)``, at most one per key.

    ``across`` says what the values make that several databases of one service have for the same key.
    """

    name: str
    sql: str
    across: Across = "sum"

    def joined(self, parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
        """One figure made of those of several databases. A sum that comes to nothing is left out, as it is in each."""
        values: dict[str, list[int]] = {}
        for part in parts:
            for key, value in part.items():
                values.setdefault(key, []).append(value)
        made = {key: _ACROSS[self.across](found) for key, found in values.items()}
        return {key: value for key, value in made.items() if value or len(values[key]) == 1 or self.across != "sum"}


class Said(NamedTuple):
    """One event for one subject as the log holds it, told once however often it was published.

    ``sequence`` numbers what one partition of its service said, so it orders what that partition said to different
    streams; streams and partitions are told in any order.
    """

    stream: str
    subject: str
    event: Event
    sequence: int
    correlation: str


class Fold(Protocol):
    """Hears the log from its beginning, keeps no more than it must, and tells at the end what was wrong in it."""

    hears: Mapping[Stream, tuple[type[Event], ...]]

    def hear(self, said: Said) -> None:
        """Take in one event of those it hears."""
        ...

    def checks(self) -> Mapping[str, int]:
        """Every check by name, with the violations found. Sound is 0."""
        ...

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Figures of the log by name, each with its values by key, for services to agree with."""
        ...


RUNTIME_CHECKS: Final = (
    Check(
        "unsent outbox rows",
        "SELECT count(*) FROM outbox LEFT JOIN partitions USING (partition) "
        "WHERE outbox.sequence > coalesce(partitions.published, 0)",
    ),
    Check(
        "outbox rows whose arrival in the log is not written down",
        "SELECT coalesce(sum(sequence - published), 0)::bigint FROM partitions",
    ),
    Check("activities not done", "SELECT count(*) FROM activities"),
    Check("parked events", "SELECT count(*) FROM parked"),
    Check("dead letters", "SELECT count(*) FROM dead_letters"),
)
"""What every service's database can prove, whatever the service does."""
