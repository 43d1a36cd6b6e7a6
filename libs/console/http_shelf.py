"""Stocks a market for a book over HTTP, and looks up there what has become of its orders."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from agora.requests import Submitted
from agora.versions import split
from console import errands
from console.figures import Comparison, differing, settled_lines
from console.follow import Fate, Fates
from console.gateway_client import REQUESTS_AT_ONCE_MAX, GatewayClient
from console.orders import Order, OrderBook
from console.output import Failure
from console.shelf import Offer, Shelf, Versions
from market.buyers import CheckOut, OrderRefused
from market.streams import TRANSACTIONS
from market.transactions import TransactionCancelled, TransactionRefunded, TransactionSettled

PAGE: Final = 200
FRESH_SECONDS_MAX: Final = 60.0
AUDIT_SECONDS_MAX: Final = 120.0
POLL_SECONDS: Final = 0.1
AUDIT_POLL_SECONDS: Final = 1.0
AUDITS_TOLD_MIN: Final = 3
ENDS: Final = {
    "refused": OrderRefused,
    "cancelled": TransactionCancelled,
    "refunded": TransactionRefunded,
    "settled": TransactionSettled,
    "partly refunded": TransactionSettled,
}
"""How an order stands that has ended, and the event that says so."""

T = TypeVar("T")


async def stock(gateway: GatewayClient, book: OrderBook, stock_factor: float) -> Versions:
    """See to it that everyone is registered and every product on sale; return the version in which to order each."""
    await each(errands.participants(book), gateway.outcome)
    await fresh(gateway)
    goods = await goods_of(gateway, book.products)
    listings = errands.listings(book, stock_factor)
    stocked = set[str]()

    async def note_stocked(product: str) -> None:
        if await gateway.asked(listings[product].key):
            stocked.add(listings[product].key)

    await each(goods, note_stocked)
    offers = {product: Offer(tuple(good["prices_minor"]), good["version"]) for product, good in goods.items()}
    requests, versions = errands.stocking(book, listings, Shelf(offers), stocked, stock_factor)

    async def ask(request: Submitted) -> None:
        product = str(msgspec.json.decode(request.body)["product"])
        seller = goods[product]["seller"] if product in goods else book.products[product].seller
        await gateway.outcome(request, seller=seller)

    await each(requests, ask)
    return versions


async def goods_of(gateway: GatewayClient, products: Iterable[str], **of: str) -> dict[str, Mapping[str, Any]]:
    """These products as they are on sale; those that are not are left out."""
    wanted, found = set(products), dict[str, Mapping[str, Any]]()
    after: dict[str, str] = {}
    while page := await gateway.look("/v1/products", **of, **after, limit=PAGE):
        found |= {good["product"]: good for good in page["shown"]["items"] if good["product"] in wanted}
        if page["shown"]["next"] is None or len(found) == len(wanted):
            break
        after = {"after": page["shown"]["next"]}
    return found


async def fresh(gateway: GatewayClient) -> None:
    """Wait until the views have shown what was said before, as far as that comes to pass while others trade on."""
    for _ in range(int(FRESH_SECONDS_MAX / POLL_SECONDS)):
        page = await gateway.look("/v1/products", limit=1)
        if page is not None and page["fresh"]["behind"] == 0:
            return
        await asyncio.sleep(POLL_SECONDS)


async def look_up(gateway: GatewayClient, order: Order, fates: Fates) -> None:
    """Note all that has become of an order until now."""
    for event in await gateway.events(agent=f"{TRANSACTIONS.name}/{order.id}"):
        fates.note(split(event.type)[0], event.data, event.at.timestamp())
    if fates.fates[order.id].end is None:
        await _look_at(gateway, order, fates)


async def _look_at(gateway: GatewayClient, order: Order, fates: Fates) -> None:
    """Note how it has ended by how it stands: no transaction hears of a refusal, nor is the log kept for ever."""
    look = await gateway.look(f"/v1/buyers/{quote(order.buyer, safe='')}/orders/{quote(order.id, safe='')}")
    shown = look["shown"]["order"] if look else {}
    if end := ENDS.get(shown.get("status", "")):
        told = {"transaction": order.id, "reason": shown["reason"] or ""}
        fates.note(end.__name__, msgspec.json.encode(told), 0)


async def versions_then(gateway: GatewayClient, order: Order) -> Versions | None:
    """The versions in which an order was asked for before; ``None`` if it cannot be told, or was another order."""
    story = await gateway.asked(order.id)
    events = await gateway.events(story=story, limit=10) if story else ()
    asked = next((event for event in events if event.type == CheckOut.wire_name), None)
    if asked is None:
        return None
    lines: list[dict[str, Any]] = msgspec.json.decode(asked.data)["lines"]
    return Versions({}, {(order.id, line["product"]): line["version"] for line in lines})


async def compare(gateway: GatewayClient, book: OrderBook, fates: Mapping[str, Fate]) -> Comparison:
    """Hold what the views say was settled of a book against the book's orders that its events settled."""
    shown = dict[str, Mapping[str, Any]]()
    mine = {order.id for order in book.orders if not fates[order.id].turned_away}

    async def read(buyer: str) -> None:
        path, after = f"/v1/buyers/{quote(buyer, safe='')}/orders", dict[str, str]()
        while page := await gateway.look(path, **after, limit=PAGE):
            shown.update({one["transaction"]: one for one in page["shown"]["items"] if one["transaction"] in mine})
            if page["shown"]["next"] is None:
                break
            after = {"after": page["shown"]["next"]}

    await each(book.buyers, read)
    settled = {id_: one for id_, one in shown.items() if ENDS.get(one["status"]) is TransactionSettled}
    return _compared(book, fates, settled)


def _compared(book: OrderBook, fates: Mapping[str, Fate], shown: Mapping[str, Mapping[str, Any]]) -> Comparison:
    lost = units = expected_units = 0
    spent, expected = dict.fromkeys(book.buyers, 0), dict.fromkeys(book.buyers, 0)
    for order in book.orders:
        lines = settled_lines(order, fates[order.id])
        expected[order.buyer] += sum(line.value_minor for line in lines)
        if fates[order.id].end == "settled":
            expected_units += order.units
            lost += order.units - sum(line.quantity for line in lines)
        if one := shown.get(order.id):
            spent[order.buyer] += one["total_minor"] - one["refunded_minor"]
            units += one["units"]
    value = sum(spent.values())
    differences = {
        "units": abs(units - expected_units),
        "value_minor": abs(value - sum(expected.values())),
        "buyers": differing(spent, expected),
    }
    return Comparison(units - lost, value, differences)


async def audit(gateway: GatewayClient) -> dict[str, int]:
    """Every check of the views by its name. Waits a while for them to be fresh, and for others to come to rest.

    The gateway tells its latest audit, and the next one may have begun before this was asked: the one after it is ours.
    """
    deadline = time.monotonic() + AUDIT_SECONDS_MAX
    told: set[str] = set()
    while True:
        look = await gateway.look("/v1/audit")
        if look is None:
            raise Failure("the gateway has no audit. It may be of another release")
        found = {check["name"]: abs(check["difference"]) for check in look["shown"]}
        found["records not shown yet"] = look["fresh"]["behind"]
        told.add(str(look["fresh"]["as_of"]))
        is_ours, is_late = len(told) >= AUDITS_TOLD_MIN, time.monotonic() > deadline
        if is_ours and (is_late or not any(found.values())):
            return found
        if is_late:
            raise Failure(f"the gateway has taken no audit for {AUDIT_SECONDS_MAX:.0f} s. Its log says why")
        await asyncio.sleep(AUDIT_POLL_SECONDS)


async def each(items: Iterable[T], work: Callable[[T], Awaitable[object]], at_once: int = REQUESTS_AT_ONCE_MAX) -> None:
    """Do the same work on each, so many at a time. The first failure ends it all, and is raised."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    tasks = [asyncio.create_task(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
