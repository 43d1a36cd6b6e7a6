"""A whole small market in which everything happens that the gateway's views show, and what they are told of it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from agora.changes import Folded, Key
from agora.control import ErrorOccurred, RedriveParked, SkipParked
from agora.decision import Row
from agora.event import Event, Stream
from agora.portion import Portion, Position
from agora.showing import Showing, Standing
from agora.view import Change, Told, View
from agora.world import World
from market.buyers import ChangeCartLine, RemoveFromCart
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.products import Replenish
from market.sellers import ChangePrice, ListProduct, RegisterSeller, ReplaceProduct
from market.transactions import ClearPayout, RejectPayout
from services.fulfilment.activities import activities
from services.gateway.views import VIEWS
from tests.stories.carriers import Fated
from tests.stories.town import DECLINED, buyer, carried_by, flagging, into_cart, line, order, town, until_idle

B: Final = BuyerId("B")
DAY: Final = timedelta(days=1)
CLEARED: Final = ("of a cart", "lost", "partly lost", "unbookable")
REPLACED: Final = ReplaceProduct(seller=SellerId("S"), product=ProductId("Q"), prices_minor=(250, 90), stock=20)


async def small_market(seed: int = 0) -> World:
    """Every payment is flagged; all but one are judged. Orders meet the fate they are called after."""
    world = await town(seed, None, flagging(from_score=0), carried_by(*activities(Fated())))
    world.tell(buyer("C", budget=250), into_cart("P", 2), into_cart("X"), into_cart("Q"), into_cart("nothing"))
    await until_idle(world)
    world.tell(
        ChangeCartLine(buyer=B, product=ProductId("X"), quantity=3),
        RemoveFromCart(buyer=B, product=ProductId("Q")),
        RegisterSeller(seller=SellerId("Z"), currency="GBP"),
        RegisterSeller(seller=SellerId("Z"), currency="EUR"),
        into_cart("P", 1, who="C"),
        into_cart("X", 2, who="C"),
    )
    await until_idle(world)
    world.tell(order("of a cart"), order("refused", line("P", 3), who="C"), order("too much", line("Q", 11)))
    world.tell(*(order(name, line("Q", 1), line("X")) for name in ("lost", "partly lost", "unbookable", "slow")))
    await until_idle(world)
    await _replace_between_promise_and_payment(world)
    verdicts = (ClearPayout(transaction=TransactionId(name), reviewer="ada") for name in CLEARED)
    world.tell(*verdicts, RejectPayout(transaction=TransactionId("rejected"), reviewer="ada", reason="not the buyer"))
    world.tell(Replenish(product=ProductId("Q"), quantity=7), order("of a cart", line("X")), *_troubles())
    await world.run(DAY)
    return world


async def _replace_between_promise_and_payment(world: World) -> None:
    """Units are promised in the version before, and paid for, released or returned in the next."""
    world.away = {"product"}
    world.tell(order("declined", line("Q", 2), payment=DECLINED), order("rejected", line("Q", 2), line("P")))
    await until_idle(world)
    world.away = {"buyer"}
    world.tell(Replenish(product=ProductId("Q"), quantity=5), Replenish(product=ProductId("Q"), quantity=0))
    await until_idle(world)
    world.tell(REPLACED, ChangePrice(seller=SellerId("S"), product=ProductId("P"), price_minor=120))
    world.tell(ListProduct(seller=SellerId("Z"), product=ProductId("P"), prices_minor=(1,), stock=99))
    await until_idle(world)
    world.away = set()
    world.tell(order("old version", line("Q")))
    await world.run(DAY)


def standing(world: World, views: Iterable[View]) -> Showing:
    """Views that have heard nothing yet."""
    return Showing(
        {
            (name, partition): [Standing.at(view, Position(0, None, {})) for view in hearing]
            for name in world.log.names()
            for partition in range(world.log.partitions)
            if (hearing := [view for view in views if Stream(name) in view.hears])
        }
    )


def portion(world: World, views: Iterable[View] = VIEWS) -> Portion:
    """Everything that was ever said, as one portion."""
    showing = standing(world, views)
    for name, partition in showing.standing:
        showing.tell(name, world.log.stream(name)[partition])
    return showing.portion()


def told(world: World) -> list[Told]:
    """What the views are told, each record once, stream after stream."""
    found: list[Told] = []

    def listen(one: Told) -> Iterable[Change]:
        found.append(one)
        return ()

    heard: dict[Stream, tuple[type[Event], ...]] = {}
    for view in VIEWS:
        for stream, events in view.hears.items():
            heard[stream] = tuple({**dict.fromkeys(heard.get(stream, ())), **dict.fromkeys(events)})
    listener = View("listener", heard, listen, (Row,))
    assert not portion(world, (listener,)).faults
    return found


def shown(view: View, all_told: Iterable[Told]) -> dict[type[Row], dict[Key, Row | None] | set[Row]]:
    """The tables of a view after it was told all this."""
    folded = Folded()
    for one in all_told:
        if isinstance(one.event, dict(heard_by(view)).get(one.stream, ())):
            folded.take(view.show(one))
    appended = {table: set(rows) for table, rows in folded.appends.items()}
    return {**appended, **{table: {key: e.row for key, e in rows.items()} for table, rows in folded.effects.items()}}


def heard_by(view: View) -> Iterable[tuple[str, tuple[type[Event], ...]]]:
    """The events a view hears, by the name of their stream."""
    return ((stream.name, events) for stream, events in view.hears.items())


def _troubles() -> tuple[Event, ...]:
    """A failure, what an operator said of it, and another failure."""
    names = {"service": "risk", "agent": "B"}
    failed = {**names, "cause_type": "CheckOut.v1", "cause": "gateway-0 1", "error": "ZeroDivisionError"}
    controls = tuple(control(**names, stream="buyers") for control in (RedriveParked, SkipParked))
    return (ErrorOccurred(**failed), *controls, ErrorOccurred(**{**failed, "agent": "C"}))
