"""Carts, prices and versions: what a seller says reaches products and carts, always in the seller's order."""

from itertools import pairwise

import pytest

from agora.event import Event
from agora.world import Faults, World
from market.buyers import CartChanged, CartRefused, ChangeCartLine, RemoveFromCart
from market.ids import BuyerId, ProductId, SellerId
from market.products import PriceChanged, ProductQuoted, ProductReplaced, Replenish
from market.sellers import ChangePrice, ReplaceProduct
from market.streams import BUYERS
from tests.stories.sums import add_up, business, states
from tests.stories.town import LOADED, SELLS, buyer, ended, envelopes, heard, into_cart, line, order, town, until_idle

STORM = Faults(crash=0.02, lost_answer=0.02, redelivery=0.05)


def price(product: str, minor: int) -> ChangePrice:
    return ChangePrice(seller=SellerId(SELLS[product]), product=ProductId(product), price_minor=minor)


def replacement(product: str, minor: int, stock: int | None = None) -> ReplaceProduct:
    return ReplaceProduct(
        seller=SellerId(SELLS[product]), product=ProductId(product), prices_minor=(minor,), stock=stock
    )


def cart(world: World, who: str = "B") -> dict[str, tuple[int, int, int]]:
    """Each product in a cart: how many, at what price, in which version."""
    lines = (entry.line for entry in dict(states(world, "buyer"))[who].cart.values())
    return {line.product: (line.quantity, line.price_minor, line.version) for line in lines}


async def test_a_cart_is_filled_changed_and_emptied_by_its_checkout() -> None:
    world = await town()
    me = BuyerId("B")
    world.tell(into_cart("P", 2), into_cart("Q"), into_cart("X", 3), into_cart("P"))
    world.tell(ChangeCartLine(buyer=me, product=ProductId("X"), quantity=1))
    world.tell(RemoveFromCart(buyer=me, product=ProductId("Q")), RemoveFromCart(buyer=me, product=ProductId("Q")))
    await world.run()
    assert cart(world) == {"P": (2, 100, 1), "X": (1, 100, 1)}
    assert [event.reason for event in heard(world, BUYERS, CartRefused)] == ["already in the cart", "not in the cart"]
    world.tell(order("T"))
    await ended(world)
    await add_up(world)
    assert cart(world) == {}
    assert business(world)["products"] == {"P": (8, 0, 2), "Q": (10, 0, 0), "X": (9, 0, 1)}


async def test_what_nobody_sells_does_not_stay_in_a_cart() -> None:
    world = await town()
    world.tell(into_cart("nothing"), into_cart("P", 0), into_cart("P", 1, who="nobody"))
    await ended(world)
    await add_up(world)
    reasons = sorted(event.reason for event in heard(world, BUYERS, CartRefused))
    assert reasons == ["quantity out of range", "unknown buyer", "unknown product"]


async def test_a_cart_pays_the_price_of_the_day_it_is_ordered() -> None:
    world = await town()
    world.tell(into_cart("P"), into_cart("X"))
    await world.run()
    world.tell(price("P", 120), replacement("X", 90))
    await world.run()
    assert cart(world) == {"P": (1, 120, 1), "X": (1, 90, 2)}
    world.tell(order("T"))
    await ended(world)
    await add_up(world)
    assert business(world)["buyers"] == {"B": (210, 1, 0)}


async def test_a_line_at_a_price_of_yesterday_is_told_todays_when_it_is_put_into_the_cart() -> None:
    world = await town()
    world.tell(price("P", 120))
    await world.run()
    world.tell(into_cart("P"))
    await ended(world)
    await add_up(world)
    assert cart(world) == {"P": (1, 120, 1)}
    assert [event.price_minor for event in heard(world, BUYERS, CartChanged)] == [100, 120]


CHANGES: dict[str, tuple[Event, str]] = {
    "price": (price("P", 101), "price not on the price list"),
    "version": (replacement("P", 100), "superseded version"),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_during_a_checkout_comes_before_it_or_after_it_and_never_between(what: str) -> None:
    change, reason = CHANGES[what]
    outcomes: set[tuple[str, str]] = set()
    for seed in range(60):
        world = await town(seed)
        world.tell(order("T", line("P", 2), line("X")), change)
        await ended(world)
        await add_up(world)
        outcomes.add(business(world)["orders"]["T"])
    assert outcomes == {("settled", ""), ("cancelled", reason)}


async def test_a_new_version_keeps_what_was_promised_of_the_old_one() -> None:
    world = await town()
    world.away = {"product"}
    world.tell(order("T", line("P", 4)))
    await until_idle(world)
    world.away = {"buyer"}
    world.tell(replacement("P", 100, stock=LOADED))
    await until_idle(world)
    assert dict(states(world, "product"))["P"].available == LOADED
    world.away = set()
    await ended(world)
    product = dict(states(world, "product"))["P"]
    assert (product.version, product.stock, product.reserved) == (2, LOADED, 0)
    assert product.sold == 4


async def test_replenished_stock_is_sold() -> None:
    world = await town()
    world.tell(Replenish(product=ProductId("P"), quantity=5), Replenish(product=ProductId("P"), quantity=0))
    world.tell(Replenish(product=ProductId("Q"), quantity=5), Replenish(product=ProductId("X"), quantity=5))
    await world.run()
    world.tell(order("T", line("P", LOADED + 5)))
    await ended(world)
    await add_up(world, loaded=LOADED + 5)
    assert business(world)["products"]["P"] == (0, 0, LOADED + 5)


@pytest.mark.parametrize("seed", range(15))
async def test_every_cart_hears_a_seller_in_the_sellers_order_through_any_storm(seed: int) -> None:
    world = await town(seed, STORM)
    world.tell(buyer("C"), into_cart("P"), into_cart("Q"), into_cart("P", who="C"))
    await world.run()
    for minor in range(101, 107):
        world.tell(price("P", minor), replacement("Q", minor))
    world.tell(into_cart("X", who="C"), RemoveFromCart(buyer=BuyerId("B"), product=ProductId("Q")), into_cart("Q"))
    await ended(world)
    await add_up(world)
    assert len(updates(world, "B")) > 6
    assert cart(world)["P"][1] == cart(world, "C")["P"][1] == cart(world)["Q"][1] == 106
    for who in ("B", "C"):
        told = updates(world, who)
        in_order([update for kind, _, update in told if kind is not ProductQuoted])
        for product in ("P", "Q"):
            in_order([update for _, about, update in told if about == product])


def updates(world: World, who: str) -> list[tuple[type[Event], str, int]]:
    """What seller ``S`` said to a buyer, in the order in which it arrived."""
    said = [envelope for envelope in envelopes(world, BUYERS) if envelope.subject == who]
    return [
        (kind, event.product, event.update)
        for envelope in said
        for kind in (ProductQuoted, PriceChanged, ProductReplaced)
        if envelope.type == kind.wire_name
        for event in (kind.model_validate_json(bytes(envelope.data)),)
        if event.seller == "S"
    ]


def in_order(numbers: list[int]) -> None:
    assert all(earlier <= later for earlier, later in pairwise(numbers))
