"""Versions of one small event, made in a line each."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from types import new_class
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from agora.contracts.probe.both_ways import Direction
from agora.event import Event

NEEDED: Final[Any] = ...
Where: TypeAlias = tuple[str, Direction]


def event(base: type[Event] = Event, /, **fields: Any) -> type[Event]:
    """A version of the event ``Paid``: each field is its type, which makes it required, or (type, default)."""
    return create_model("Paid", __base__=base, **{name: _field(given) for name, given in fields.items()})


def part(name: str, /, **fields: Any) -> Any:
    """An object inside an event."""
    return create_model(name, **{field: _field(given) for field, given in fields.items()})


def _field(given: Any) -> Any:
    return given if isinstance(given, tuple) else (given, NEEDED)


@dataclass(frozen=True)
class Planted:
    """A change: ``where`` it breaks, field and direction; with ``live``, only the classes themselves can tell."""

    what: str
    old: type[Event]
    new: type[Event]
    where: frozenset[Where] = frozenset()
    live: bool = False

    def __str__(self) -> str:
        return self.what


def back(*fields: str) -> frozenset[Where]:
    return frozenset((field, "backward") for field in fields)


def forth(*fields: str) -> frozenset[Where]:
    return frozenset((field, "forward") for field in fields)


def both(*fields: str) -> frozenset[Where]:
    return back(*fields) | forth(*fields)


def limited(kind: Any, **limits: Any) -> Any:
    return Annotated[kind, Field(**limits)]


def told_apart(*members: Any) -> Any:
    union = members[0]
    for member in members[1:]:
        union |= member
    return Annotated[union, Field(discriminator="kind")]


def only_pounds(value: str) -> str:
    if value != "GBP":
        raise ValueError("another currency")
    return value


def odd(value: int) -> int:
    if not value % 2:
        raise ValueError("an even number")
    return value


def spanning(written: int, read: int) -> Any:
    """An integer that is written from one least value on, and read from another."""
    least: dict[Any, int] = {"serialization": written, "validation": read}
    schemas = [WithJsonSchema({"type": "integer", "minimum": least[mode]}, mode=mode) for mode in least]
    return Annotated[int, *schemas]


def later(old: type[Event], upcast: Callable[[Any], dict[str, Any]], **fields: Any) -> type[Event]:
    """A second version that replaces ``old``, can be read as it, and says ``old`` again by ``upcast``."""
    annotations = {name: given[0] if isinstance(given, tuple) else given for name, given in fields.items()}

    def said_again(cls: Any, said: Any) -> Any:
        return cls(**upcast(said))

    namespace = {"__annotations__": annotations, "__module__": __name__, "upcast": classmethod(said_again)}
    options = {"version": 2, "replaces": old, "readable_since": 1}
    return new_class("Paid", (Event,), options, lambda body: body.update(namespace))


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Closed(Event):
    """An event that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class Open(BaseModel):
    """The same as the part ``Money``, made in another way."""

    minor: int


CARD: Final = part("Card", kind=Literal["card"], token=str)
CASH: Final = part("Cash", kind=Literal["cash"], till=int)
MONEY: Final = part("Money", minor=int)
LINE: Final = part("Line", product=str, price_minor=int)
PRINTABLE: Final = limited(str, pattern="^[ -~]+$", max_length=100)
V1: Final = event(total=int)
