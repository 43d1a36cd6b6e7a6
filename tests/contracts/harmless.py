"""Pairs of versions of one small event: changes that break nobody, whichever is read by whom."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from tests.contracts.small_events import (
    CARD,
    CASH,
    LINE,
    MONEY,
    V1,
    Closed,
    Colour,
    Open,
    Planted,
    event,
    later,
    limited,
    odd,
    part,
    spanning,
    told_apart,
)

HARMLESS: Final = (
    Planted("nothing is changed", event(a=int, b=(str, "")), event(a=int, b=(str, ""))),
    Planted("an optional field is added", event(a=int), event(a=int, b=(int, 0))),
    Planted("a field that may be null is added", event(a=int), event(a=int, b=(str | None, None))),
    Planted("an optional list is added", event(a=int), event(a=int, b=(tuple[int, ...], ()))),
    Planted("an optional object is added", event(a=int), event(a=int, b=(MONEY | None, None))),
    Planted("an optional field is removed", event(a=int, b=(int, 0)), event(a=int)),
    Planted("fields are said in another order", event(a=int, b=str), event(b=str, a=int)),
    Planted(
        "the words for people are changed",
        event(a=limited(int, description="so many")),
        event(a=limited(int, description="how many", title="Number", examples=[3])),
    ),
    Planted(
        "an optional field is added to a line",
        event(lines=list[LINE]),
        event(lines=list[part("Line", product=str, price_minor=int, fee=(int, 0))]),
    ),
    Planted(
        "an optional field is added to an object that may be null",
        event(a=MONEY | None),
        event(a=part("Money", minor=int, note=(str, "")) | None),
    ),
    Planted(
        "more is read than anybody writes", event(a=spanning(written=0, read=0)), event(a=spanning(written=0, read=-10))
    ),
    Planted("less is written than is read", event(a=spanning(written=0, read=0)), event(a=spanning(written=1, read=0))),
    Planted("an object inside gets another name", event(a=MONEY), event(a=part("Sum", minor=int))),
    Planted("an object inside is made in another way", event(a=MONEY), event(a=Open)),
    Planted("an enum is spelled out", event(a=Colour), event(a=Literal["blue", "red"])),
    Planted("ways to pay are named in another order", event(a=told_apart(CARD, CASH)), event(a=told_apart(CASH, CARD))),
    Planted("null is named first", event(a=int | None), event(a=None | int)),
    Planted("a tuple becomes a list", event(a=tuple[int, ...]), event(a=list[int])),
    Planted("above zero becomes at least one", event(a=limited(int, gt=0)), event(a=limited(int, ge=1))),
    Planted(
        "a pattern is written in another way",
        event(a=limited(str, pattern="^[A-Z]{3}$")),
        event(a=limited(str, pattern="^[A-Z][A-Z][A-Z]$", max_length=3)),
    ),
    Planted("a limit that no value can meet is dropped", event(a=limited(bool)), event(a=Literal[True, False])),
    Planted(
        "a default is made by a factory", event(a=(list[int], [])), event(a=(list[int], Field(default_factory=list)))
    ),
    Planted(
        "a default is made by a factory that says the same",
        event(a=(list[int], [])),
        event(a=(list[int], Field(default_factory=list))),
        live=True,
    ),
    Planted("unknown fields are refused from now on", event(a=int), event(Closed, a=int)),
    Planted(
        "both versions have a hidden rule",
        event(a=Annotated[int, AfterValidator(odd)]),
        event(a=Annotated[int, AfterValidator(odd)], b=(int, 0)),
        live=True,
    ),
    Planted(
        "a later version says old records in new words and can be read as them",
        V1,
        later(V1, lambda old: {"total": old.total, "currency": "GBP"}, total=int, currency=str),
        live=True,
    ),
    Planted(
        "a later version says old records in another unit",
        V1,
        later(V1, lambda old: {"total": old.total * 100}, total=int),
        live=True,
    ),
)
