"""What a decision reads is found in its source, however it gets hold of it; what cannot be followed is read whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeAlias

import pytest

from agora.contracts.usage.functions import fields_read
from agora.event import Event
from tests.contracts import hands


@dataclass(frozen=True)
class Price:
    minor: int
    currency: str

    @property
    def is_free(self) -> bool:
        return self.minor == 0

    def doubled(self) -> int:
        return self.minor * 2


class Sold(Event):
    kinds: ClassVar[tuple[str, ...]] = ("cash",)

    thing: str
    price: Price
    tip: Price | None = None
    marks: tuple[int, ...] = ()

    def label(self) -> str:
        return self.thing.upper()


class Returned(Event):
    thing: str
    why: str


class Broken(Event):
    thing: str


News: TypeAlias = Returned | Broken
Heard: TypeAlias = Sold | News
ALL = ["marks", "price", "thing", "tip"]


def by_name(_: Any, event: Heard) -> Any:
    match event:
        case Sold():
            return event.thing
        case Returned() | Broken() as news:
            return news.thing


def by_keyword(_: Any, event: Heard) -> Any:
    match event:
        case Sold(price=Price(minor=minor), thing="hat") if minor > 0:
            return minor
        case Returned(why=why):
            return why
        case _:
            return None


def by_isinstance(_: Any, event: Heard) -> Any:
    if isinstance(event, News):
        return event.thing
    return event.price.currency


def by_value(_: Any, event: Heard) -> Any:
    match event:
        case hands.NEVER:
            return None
        case _:
            return None


def by_exclusion(_: Any, event: Heard) -> Any:
    match event:
        case Sold():
            return None
        case _:
            return event.thing


def by_condition(_: Any, event: Heard) -> Any:
    return event.why if isinstance(event, Returned) else not isinstance(event, Sold) or event.price.minor


def by_pair(state: Any, event: Heard) -> Any:
    match state, event:
        case str(), Sold(thing=thing):
            return thing
        case _, Returned():
            return event.why
        case _:
            return None


def by_another_name(_: Any, event: Heard) -> Any:
    same = event
    if isinstance(same, Sold):
        price = same.price
        return price.minor
    return None


def through_functions(_: Any, event: Heard) -> Any:
    return _of_sold(event) if isinstance(event, Sold) else hands.reason(news=event)


def _of_sold(event: Sold) -> Any:
    return _currency(event.price)


def _currency(price: Price) -> Any:
    return price.currency


def through_an_assertion(_: Any, event: Heard) -> Any:
    assert isinstance(event, Sold)
    return _thing(event)


def _thing(event: Sold) -> Any:
    return event.thing


def through_members(_: Any, event: Heard) -> Any:
    return (event.label(), event.price.is_free, Sold.kinds, event.kinds) if isinstance(event, Sold) else None


def through_a_method(_: Any, event: Heard) -> Any:
    return event.price.doubled() if isinstance(event, Sold) else None


def through_an_option(_: Any, event: Heard) -> Any:
    return event.tip.minor if isinstance(event, Sold) and event.tip is not None else None


def by_items(_: Any, event: Heard) -> Any:
    return [mark + 1 for mark in event.marks] if isinstance(event, Sold) else None


def in_a_loop(_: Any, event: Heard) -> Any:
    last = None
    for _ in range(2):
        if last is not None:
            return last.currency
        if isinstance(event, Sold):
            last = event.price
    return None


def in_a_lambda(_: Any, event: Heard) -> Any:
    return (lambda: event.price.minor) if isinstance(event, Sold) else None


def in_an_inner_function(_: Any, event: Heard) -> Any:
    def inner() -> Any:
        return event.price.minor if isinstance(event, Sold) else None

    return inner


def in_a_try(_: Any, event: Heard) -> Any:
    try:
        found = event.price if isinstance(event, Sold) else None
    except ValueError:
        return event.thing
    else:
        return found.minor if found else None


def named_within(_: Any, event: Heard) -> Any:
    if isinstance(event, Sold) and (price := event.price):
        return price.currency
    return None


def with_house_rules(_: Any, event: Heard, house: str) -> Any:
    return event.marks if isinstance(event, Sold) and house else None


def nothing(_: Any, event: Heard) -> Any:
    return isinstance(event, Sold)


def for_nothing(_: Any, event: Heard) -> Any:
    if isinstance(event, Sold):
        _ = event.price


def stored(_: Any, event: Heard) -> Any:
    return {"kept": event} if isinstance(event, Sold) else None


def copied(_: Any, event: Heard) -> Any:
    return event.model_copy(update={"thing": "x"}) if isinstance(event, Sold) else None


def replaced(_: Any, event: Heard) -> Any:
    return replace(event.price, minor=1) if isinstance(event, Sold) else None


def handed_to_a_library(_: Any, event: Heard) -> Any:
    return getattr(event, "thing") if isinstance(event, Sold) else None  # noqa: B009 - nobody follows this


def handed_to_any(_: Any, event: Heard) -> Any:
    handlers: dict[type, Callable[[Any], Any]] = {Sold: print}
    return handlers[type(event)](event) if isinstance(event, Sold) else None


def with_stars(_: Any, event: Heard) -> Any:
    return _of_sold(*(event,)) if isinstance(event, Sold) else None


# What each reads of Sold, Returned and Broken.
READ: dict[Callable[..., Any], tuple[list[str], list[str], list[str]]] = {
    by_name: (["thing"], ["thing"], ["thing"]),
    by_keyword: (["price.minor", "thing"], ["why"], []),
    by_isinstance: (["price.currency"], ["thing"], ["thing"]),
    by_value: (ALL, ["thing", "why"], ["thing"]),
    by_exclusion: ([], ["thing"], ["thing"]),
    by_condition: (["price.minor"], ["why"], []),
    by_pair: (["thing"], ["why"], []),
    by_another_name: (["price.minor"], [], []),
    through_functions: (["price.currency"], ["why"], []),
    through_an_assertion: (["thing"], [], []),
    through_members: (["price.minor", "thing"], [], []),
    through_a_method: (["price.minor"], [], []),
    through_an_option: (["tip.minor"], [], []),
    by_items: (["marks"], [], []),
    in_a_loop: (["price.currency"], [], []),
    in_a_lambda: (["price.minor"], [], []),
    in_an_inner_function: (["price.minor"], [], []),
    in_a_try: (["price.minor", "thing"], ["thing"], ["thing"]),
    named_within: (["price.currency"], [], []),
    nothing: ([], [], []),
    for_nothing: (["price"], [], []),
    stored: (ALL, [], []),
    copied: (ALL, [], []),
    replaced: (["price"], [], []),
    handed_to_a_library: (ALL, [], []),
    handed_to_any: (ALL, [], []),
    with_stars: (ALL, [], []),
}


@pytest.mark.parametrize("decide", READ, ids=lambda decide: decide.__name__)
def test_the_fields_that_a_decision_reads(decide: Callable[..., Any]) -> None:
    read = fields_read(decide, (Sold, Returned, Broken))
    assert (read[Sold], read[Returned], read[Broken]) == READ[decide]


def test_a_decision_with_house_rules_is_followed_through_them() -> None:
    assert fields_read(partial(with_house_rules, house="rules"), (Sold,)) == {Sold: ["marks"]}


def test_a_decision_without_a_source_reads_everything() -> None:
    decide: Any = eval("lambda state, event: event.thing")  # noqa: S307 - it has no file
    assert fields_read(decide, (Sold,)) == {Sold: ALL}
