"""What one turn changes: the new state, the events to publish, reminders, rows, and work to be done outside."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Generic, NamedTuple, Never, TypeAlias, TypeVar

from agora.activity import Task
from agora.event import Event

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Remind:
    """Send ``event`` to myself at ``at``. A reminder set again under the same name replaces the first."""

    name: str
    at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class Forget:
    """Cancel the reminder of this name; no harm if there is none."""

    name: str


@dataclass(frozen=True, slots=True)
class Perform:
    """Have ``task`` done outside of any turn; its outcome is heard later. Asked again under a name, it is done anew.

    The outcome of what was asked before under that name is then no longer heard.
    """

    name: str
    task: Task


@dataclass(frozen=True, slots=True)
class Abandon:
    """No longer hear the outcome of what was asked under this name; no harm if there is nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row of one of the service's own tables.

    A subclass is a frozen dataclass whose fields are the table's columns (str, int, bool, datetime, or those | None).
    ``table`` names it; ``key`` is its primary key; an ``append_only`` table takes ``Append`` alone.
    """

    table: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    append_only: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Append:
    """Add a row to an append-only table."""

    row: Row


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row: insert it, or replace the one with the same key."""

    row: Row


@dataclass(frozen=True, slots=True)
class Remove:
    """Take away the row with this key, values in the order of ``table.key``."""

    table: type[Row]
    key: tuple[str | int, ...]


RowChange: TypeAlias = Append | Put | Remove


class Decision(NamedTuple, Generic[S_co]):
    """The outcome of one turn. ``state`` is ``None`` where the agent stays as it is."""

    state: S_co | None = None
    publishes: tuple[Event, ...] = ()
    reminders: tuple[Remind | Forget, ...] = ()
    rows: tuple[RowChange, ...] = ()
    activities: tuple[Perform | Abandon, ...] = ()


NOTHING: Final[Decision[Never]] = Decision()


def become(
    state: S,
    *publishes: Event,
    reminders: tuple[Remind | Forget, ...] = (),
    rows: tuple[RowChange, ...] = (),
    activities: tuple[Perform | Abandon, ...] = (),
) -> Decision[S]:
    """Take on a new state and publish."""
    return Decision(state, publishes, reminders, rows, activities)


def publish(*publishes: Event, rows: tuple[RowChange, ...] = ()) -> Decision[Never]:
    """Publish and stay as you are."""
    return Decision(None, publishes, (), rows)
