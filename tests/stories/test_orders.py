"""One order: settled when nothing stands against it, refused with its reason when something does."""

from collections import Counter

import pytest

from market.buyers import CheckOut, Mandate, OrderRefused, RegisterBuyer
from market.ids import SellerId
from market.sellers import ListProduct, RegisterSeller, ReplaceProduct
from market.streams import BUYERS
from market.transactions import TransactionCancelled
from tests.stories.sums import add_up, business
from tests.stories.town import DECLINED, LOADED, RICH, buyer, ended, envelopes, heard, line, order, town


async def test_an_order_is_reserved_paid_dispatched_delivered_and_settled() -> None:
    world = await town()
    world.tell(order("T", line("P", 2), line("Q"), line("X", 3), line("P")))
    await ended(world)
    await add_up(world)
    assert business(world) == {
        "orders": {"T": ("settled", "")},
        "buyers": {"B": (700, 1, 0)},
        "products": {"P": (7, 0, 3), "Q": (9, 0, 1), "X": (7, 0, 3)},
        "ledger": [
            ("T", "captured", "buyer:B", -700),
            ("T", "captured", "escrow", 700),
            ("T", "settled", "escrow", -700),
            ("T", "settled", "fees", 35),
            ("T", "settled", "seller:R", 285),
            ("T", "settled", "seller:S", 380),
        ],
        "sales": [("R", "T", 285, 15), ("S", "T", 380, 20)],
        "refused": [],
        "parcels": [("T", "R", "delivered"), ("T", "S", "delivered")],
    }


async def test_every_event_of_an_order_belongs_to_its_story() -> None:
    world = await town()
    world.tell(order("T", line("P"), line("X")), story="one order")
    await ended(world)
    stories = Counter(envelope.correlationid for stream in world.log.names() for envelope in envelopes(world, stream))
    # CheckOut, OrderPlaced, 2 TransactionOpened, 2 StockReserved, OrderReserved, FundsHeld, 7 PaymentSucceeded,
    # FraudScored, ConfirmationComposed, ParcelsBooked, 3 ShipmentPlanned, 2 ParcelDispatched, TrackingDue,
    # ParcelsTracked, 2 ParcelDelivered, ShipmentDelivered, 4 TransactionSettled
    assert stories["one order"] == 32
    assert stories.keys() == {"test", "one order"}


AT_THE_BUYER = {
    "unknown buyer": (order("T", line("P"), who="nobody"),),
    "foreign currency": (order("T", line("P"), currency="EUR"),),
    "nothing to order": (order("T"),),
    "quantity out of range": (
        order("T", line("P", 0)),
        order("T", line("P", -1)),
        order("T", line("P", 10_001)),
        order("T", line("P", 10**30)),
        order("T", line("P"), line("Q", 0)),
    ),
    "price out of range": (order("T", line("P", price=-1)),),
    "above the mandate's limit per order": (order("T", line("P", 4), who="order limit"),),
    "above the mandate's limit in all": (order("T", line("P", 4), who="total limit"),),
    "seller outside the mandate": (order("T", line("P"), line("X"), who="sellers"),),
    "insufficient funds": (order("T", line("P", 4), who="budget"),),
}
MANDATED = (
    buyer("order limit", mandate=Mandate(399, RICH)),
    buyer("total limit", mandate=Mandate(RICH, 399)),
    buyer("sellers", mandate=Mandate(RICH, RICH, (SellerId("S"),))),
    buyer("budget", budget=399),
)


@pytest.mark.parametrize(
    ("reason", "asked"), [(reason, asked) for reason, orders in AT_THE_BUYER.items() for asked in orders]
)
async def test_a_buyer_refuses_what_it_may_not_order_and_nobody_else_hears_of_it(reason: str, asked: CheckOut) -> None:
    world = await town()
    world.tell(*MANDATED, asked)
    await ended(world)
    await add_up(world)
    assert [event.reason for event in heard(world, BUYERS, OrderRefused)] == [reason]
    assert business(world)["orders"] == {}


@pytest.mark.parametrize("who", ["order limit", "total limit", "budget"])
async def test_a_buyer_may_spend_up_to_its_limit_and_not_a_penny_more(who: str) -> None:
    world = await town()
    world.tell(*MANDATED, order("fits", line("P", 3), who=who))
    await ended(world)
    world.tell(order("is too much", line("P", 4), who=who))
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"fits": ("settled", "")}
    assert [row[1] for row in business(world)["refused"]] == ["is too much"]


FOREIGN = (
    RegisterSeller(seller=SellerId("F"), currency="EUR"),
    ListProduct(seller=SellerId("F"), product=line("E").product, prices_minor=(100,), stock=LOADED),
)
REPLACED = ReplaceProduct(seller=SellerId("S"), product=line("P").product, prices_minor=(100,))
AT_THE_PRODUCT = {
    "unknown product": line("nothing"),
    "not sold by this seller": line("P", seller="R"),
    "out of stock": line("Q", LOADED + 1),
    "superseded version": line("P", version=1),
    "price not on the price list": line("Q", price=99),
    "foreign currency": line("E", seller="F"),
}


@pytest.mark.parametrize("reason", AT_THE_PRODUCT)
async def test_a_product_refuses_what_it_cannot_promise_and_the_others_are_released(reason: str) -> None:
    world = await town()
    world.tell(*FOREIGN, REPLACED)
    await world.run()
    world.tell(order("T", line("X", 2), AT_THE_PRODUCT[reason]))
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("cancelled", reason)}
    assert business(world)["products"]["X"] == (LOADED, 0, 0)
    assert business(world)["buyers"] == {"B": (0, 0, 1)}


async def test_a_declined_payment_releases_all_stock() -> None:
    world = await town()
    world.tell(order("T", line("P", 2), line("X"), payment=DECLINED))
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("cancelled", "payment declined")}
    assert business(world)["products"] == dict.fromkeys("PQX", (LOADED, 0, 0))


async def test_an_order_id_is_traded_once_whatever_the_second_body_says() -> None:
    world = await town()
    world.tell(buyer("C"), order("T", line("P")))
    await world.run()
    world.tell(order("T", line("X", 5)), order("T", line("Q", 5), who="C"))
    await ended(world)
    await add_up(world)
    ended_as = business(world)
    assert ended_as["orders"] == {"T": ("settled", "")}
    assert ended_as["refused"] == [("B", "T", "repeated order id"), ("C", "T", "repeated order id")]
    assert ended_as["products"] == {"P": (9, 0, 1), "Q": (10, 0, 0), "X": (10, 0, 0)}


@pytest.mark.parametrize("seed", range(10))
async def test_the_last_units_go_to_as_many_orders_as_they_suffice_for(seed: int) -> None:
    world = await town(seed)
    world.tell(*(order(f"T{number}", line("P", 3), line("X")) for number in range(5)))
    await ended(world)
    await add_up(world)
    outcomes = sorted(business(world)["orders"].values())
    assert outcomes == [("cancelled", "out of stock")] * 2 + [("settled", "")] * 3


async def test_a_second_registration_changes_nothing() -> None:
    world = await town()
    world.tell(order("T", line("P")), RegisterBuyer(
        buyer=order("T").buyer, currency="EUR", budget_minor=1, mandate=Mandate(1, 1)
    ))  # fmt: skip
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("settled", "")}


async def test_a_cancelled_orders_buyer_may_order_again() -> None:
    world = await town()
    world.tell(order("T", line("P", LOADED + 1)))
    await world.run()
    world.tell(order("T2", line("P", LOADED)))
    await ended(world)
    await add_up(world)
    assert [event.reason for event in heard(world, BUYERS, TransactionCancelled)] == ["out of stock"]
    assert business(world)["products"]["P"] == (0, 0, LOADED)
