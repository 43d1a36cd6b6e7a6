"""A tiny service to try the runtime with: counters that are added to, ring after a while, and can be made to fail."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final, Literal, TypeAlias

from agora.decision import Append, Decision, Put, Remind, Remove, Row, become, publish
from agora.event import Event, Stream, Subject
from agora.service import Service

COUNTERS: Final = Stream("counters")
TOTALS: Final = Stream("totals")
UNLUCKY: Final = 13
ENTRY_MAX: Final = 1_000

MIGRATION: Final = f"""
from alembic import op
from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None

def upgrade():
    create_runtime_tables(runtime_role())
    op.execute("CREATE TABLE entries (counter text, number bigint, amount bigint CHECK (amount <= {ENTRY_MAX}), "
               "note text, noted_at timestamptz, PRIMARY KEY (counter, number))")
    op.execute("CREATE TABLE totals (counter text PRIMARY KEY, total bigint)")
    op.execute(f'GRANT SELECT, INSERT ON entries TO "{{runtime_role()}}"')
    op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON totals TO "{{runtime_role()}}"')
"""


class AboutCounter(Event):
    counter: str

    def concerns(self) -> tuple[Subject, ...]:
        return (COUNTERS(self.counter),)


class Add(AboutCounter, command=True):
    """Add an amount; what is said of it repeats the note as often as asked."""

    amount: int
    note: str = ""
    repeat: int = 1


class RingAfter(AboutCounter, command=True):
    seconds: float
    note: str = ""
    repeat: int = 1


class Rang(AboutCounter):
    note: str


class Clear(AboutCounter, command=True):
    pass


class Ignored(AboutCounter):
    """Known to the language, not heard by this service."""


class Totalled(Event):
    counter: str
    total: int
    note: str = ""

    def concerns(self) -> tuple[Subject, ...]:
        return (TOTALS(self.counter),)


@dataclass(frozen=True, slots=True)
class Entry(Row):
    table: ClassVar[str] = "entries"
    key: ClassVar[tuple[str, ...]] = ("counter", "number")
    append_only: ClassVar[bool] = True

    counter: str
    number: int
    amount: int
    note: str | None
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Total(Row):
    table: ClassVar[str] = "totals"
    key: ClassVar[tuple[str, ...]] = ("counter",)

    counter: str
    total: int


@dataclass(frozen=True, slots=True)
class Counter:
    total: int = 0
    turns: int = 0
    rang: int = 0
    status: Literal["counting"] = "counting"


Consumes: TypeAlias = Add | RingAfter | Rang | Clear
Publishes: TypeAlias = Totalled


def decide(state: Counter, event: Consumes, now: datetime, *, cured: bool = False) -> Decision[Counter]:
    turned = replace(state, turns=state.turns + 1)
    match event:
        case Add(amount=13) if not cured:
            raise ValueError("unlucky")
        case Add(counter=counter, amount=amount, note=note):
            added = replace(turned, total=state.total + amount)
            said = Totalled(counter=counter, total=added.total, note=note * event.repeat)
            entry = Entry(counter, added.turns, amount, note or None, now)
            return become(added, said, rows=(Append(entry), Put(Total(counter, added.total))))
        case RingAfter():
            rang = Rang(counter=event.counter, note=event.note * event.repeat)
            return become(turned, reminders=(Remind("ring", now + timedelta(seconds=event.seconds), rang),))
        case Rang():
            said = Totalled(counter=event.counter, total=state.total, note=event.note)
            return become(replace(turned, rang=state.rang + 1), said)
        case Clear():
            return publish(rows=(Remove(Total, (event.counter,)),))


def counting(*, cured: bool = False, state: Any = Counter) -> Service:
    """The service; ``cured`` of its fear of thirteen. ``state`` is the type its stored states open as."""
    deciding: Callable[[Any, Any, datetime], Decision[Any]] = partial(decide, cured=cured)
    return Service(
        name="counter",
        stream=COUNTERS,
        state=state,
        initial=Counter(),
        consumes=Consumes,
        publishes=Publishes,
        decide=deciding,
        events=(Add, RingAfter, Rang, Clear, Ignored, Totalled),
        rows=(Entry, Total),
    )
