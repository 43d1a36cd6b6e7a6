"""Views: tables built of the events of several streams, which may be dropped and are then built anew.

A view hears what it names, says nothing and remembers nothing: all it knows is in its rows. Write one so:

- ``show`` is pure: no clock, no chance, no I/O. It is told every event once, in order within one partition of a stream;
  events of different streams come in any order between each other.
- So ``Add`` to counters, which comes to the same in any order, and ``Patch`` a column from one stream alone. A row is
  there as soon as the first of them needs it: every column they do not name needs a default.
- Raise ``version`` with any change to what is heard, shown or kept: the view is then built from the log's beginning.
- A row type belongs to one view, and its table to nobody else. Give it no foreign keys and no deferred constraints.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from agora.decision import Append, Put, Remove, Row
from agora.event import Event, Stream

CHANGES_PER_EVENT_MAX: Final = 10_000

Value: TypeAlias = str | int | bool | datetime | None
"""What a column holds."""


class Told(NamedTuple):
    """One event as a view hears it, in the words of its latest version, and where it stands in the log.

    ``type`` is the wire name it was read as; ``at`` is when the log appended it and ``said_at`` when its producer says
    it was said (``at`` where it does not), both in UTC. ``sequence`` is 0 for a producer that numbers nothing.
    """

    stream: str
    subject: str
    event: Event
    type: str
    source: str
    id: str
    sequence: int
    at: datetime
    said_at: datetime
    correlation: str
    causation: str
    traceparent: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Patch:
    """Set just these columns of the row with this key; where there is none, insert one with defaults first."""

    table: type[Row]
    key: tuple[str | int, ...]
    columns: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Add:
    """Add to integer columns of the row with this key; where there is none, insert one with defaults first.

    An empty column counts as 0. Nothing to add makes sure that the row is there.
    """

    table: type[Row]
    key: tuple[str | int, ...]
    columns: Mapping[str, int]


Change: TypeAlias = Append | Put | Remove | Patch | Add


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a view hears, by stream, and which changes of its ``rows`` each event makes.

    ``name`` is its own among all views of a database. Raises ``ValueError`` where it could not be kept.
    """

    name: str
    hears: Mapping[Stream, tuple[type[Event], ...]]
    show: Callable[[Told], Iterable[Change]]
    rows: tuple[type[Row], ...]
    version: int = 1

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", self.name):
            raise ValueError(f"{self.name!r} cannot name a view: use lower-case letters, digits, _ and -, 63 at most")
        if self.version < 1:
            raise ValueError(f"view {self.name}: versions count from 1, not {self.version}")
        if not self.hears or not self.rows:
            raise ValueError(f"view {self.name} hears nothing or shows nothing")
