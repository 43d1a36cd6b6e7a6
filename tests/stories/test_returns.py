"""A buyer gives an order back while its parcels are being packed; everything is as if it had never been."""

from agora.world import World
from market.ids import BuyerId, TransactionId
from market.shipments import ShipmentRecalled
from market.streams import BUYERS, SHIPMENTS
from market.transactions import RequestReturn, ReturnRefused
from tests.stories.sums import add_up, business
from tests.stories.town import LOADED, ended, heard, line, order, town

T = TransactionId("T")


async def packing() -> World:
    """An order of 500 pence that is paid and being packed."""
    world = await town(0)
    world.away = {"seller"}
    world.tell(order("T", line("P", 2), line("X", 3)))
    await world.run()
    assert business(world)["orders"] == {"T": ("paid", "")}
    return world


async def test_an_order_given_back_is_refunded_restocked_and_called_back() -> None:
    world = await packing()
    world.tell(RequestReturn(transaction=T, buyer=BuyerId("B"), reason="changed my mind"))
    world.away = set()
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("refunded", "changed my mind")}
    assert business(world)["sales"] == []
    assert business(world)["products"] == dict.fromkeys("PQX", (LOADED, 0, 0))
    assert heard(world, SHIPMENTS, ShipmentRecalled)


async def test_a_second_return_is_refused() -> None:
    world = await packing()
    for reason in ("changed my mind", "really"):
        world.tell(RequestReturn(transaction=T, buyer=BuyerId("B"), reason=reason))
    world.away = set()
    await ended(world)
    await add_up(world)
    assert [event.reason for event in heard(world, BUYERS, ReturnRefused)] == ["already refunded"]
    assert business(world)["orders"] == {"T": ("refunded", "changed my mind")}
