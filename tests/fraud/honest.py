"""Makes a book of orders as untidy as honest buyers are: second cards, big orders, declined cards, split orders.

Some of them do by chance just what a fraud looks like; those are the ones that a rule takes for one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random

from console.orders import Order, OrderLine
from market.buyers import Mandate
from tests.fraud.scene import (
    DECLINED,
    OBSCURE_SELLERS,
    REFUSED,
    Purchase,
    later,
    one_line,
    pounds,
    renamed,
)

SECOND_CARD = 0.12
BIG_ORDER = 0.02
SPLIT_ORDER = 0.04
DECLINED_FIRST = 0.03
REFUSED_FIRST = 0.02
NEW_SELLER_ONCE = 0.02
TIGHT_MANDATE = 0.06
LOOKALIKES = 4
ROUND_MINOR = 5_000


def honest(orders: Iterable[Order], chance: Random) -> list[Purchase]:
    """Every order as a purchase, and what else its buyer does around it."""
    by_buyer: defaultdict[str, list[Order]] = defaultdict(list)
    for order in sorted(orders, key=lambda order: order.ordered_at):
        by_buyer[order.buyer].append(order)
    purchases = [purchase for own in by_buyer.values() for purchase in _life(own, chance)]
    settled = [own for own in by_buyer.values() if len(own) >= 3]
    once = [own for own in by_buyer.values() if len(own) == 1]
    return [
        *purchases,
        *(_generous(chance.choice(settled), number, chance) for number in range(LOOKALIKES)),
        *(purchase for number in range(LOOKALIKES) for purchase in _many_invoices(chance.choice(once), number, chance)),
        *(_one_seller(number, orders, chance) for number in range(LOOKALIKES)),
    ]


def mandates(purchases: Iterable[Purchase], chance: Random) -> dict[str, Mandate]:
    """What each buyer may spend: a few are held tight, most could spend several times as much as they do."""
    largest: defaultdict[str, int] = defaultdict(int)
    spent: defaultdict[str, int] = defaultdict(int)
    for purchase in purchases:
        if purchase.ended != REFUSED:
            buyer, total = purchase.order.buyer, purchase.order.total_minor
            largest[buyer] = max(largest[buyer], total)
            spent[buyer] += total
    return {buyer: _mandate(amount, spent[buyer], chance) for buyer, amount in largest.items()}


def refused_rightly(purchase: Purchase, limits: Mapping[str, Mandate]) -> Purchase:
    """Make an order that is refused for its size as large as it takes."""
    if purchase.ended != REFUSED:
        return purchase
    order, limit = purchase.order, limits[purchase.order.buyer].order_limit_minor
    return replace(purchase, order=replace(order, lines=_times(order, limit // order.total_minor + 1)))


def _mandate(largest_minor: int, spent_minor: int, chance: Random) -> Mandate:
    room = chance.uniform(1, 1.1) if chance.random() < TIGHT_MANDATE else chance.uniform(1.2, 8)
    limit = -(-round(largest_minor * room) // ROUND_MINOR) * ROUND_MINOR
    return Mandate(limit, max(limit, round(spent_minor * 1.2)) * chance.randint(1, 20))


def _life(orders: list[Order], chance: Random) -> Iterator[Purchase]:
    """One buyer's orders, with the card and the mishaps of each."""
    changes_at = chance.randrange(len(orders)) if chance.random() < SECOND_CARD else len(orders)
    for place, order in enumerate(orders):
        token = f"tok_{order.buyer}_{int(place >= changes_at)}"
        yield from _mishaps(order, token, chance)
        yield Purchase(_varied(order, chance), token)
        if chance.random() < SPLIT_ORDER:
            yield from _follow_ups(order, token, chance.randint(1, 3), chance)


def _mishaps(order: Order, token: str, chance: Random) -> Iterator[Purchase]:
    before = later(order.ordered_at, chance, -30, -1)
    if chance.random() < DECLINED_FIRST:
        yield Purchase(renamed(order, f"{order.id}-declined", before, order.lines), token, DECLINED)
    if chance.random() < REFUSED_FIRST:
        yield Purchase(renamed(order, f"{order.id}-refused", before, order.lines), token, REFUSED)


def _varied(order: Order, chance: Random) -> Order:
    if chance.random() < BIG_ORDER:
        return replace(order, lines=_times(order, chance.randint(3, 8)))
    if chance.random() < NEW_SELLER_ONCE:
        return replace(order, lines=one_line(chance.choice(OBSCURE_SELLERS), order.total_minor))
    return order


def _times(order: Order, factor: int) -> tuple[OrderLine, ...]:
    return tuple(replace(line, quantity=line.quantity * factor) for line in order.lines)


def _follow_ups(order: Order, token: str, count: int, chance: Random) -> Iterator[Purchase]:
    """What was forgotten: a line or two more, within the hour."""
    for number in range(count):
        lines = chance.sample(order.lines, min(2, len(order.lines)))
        again = renamed(order, f"{order.id}-more{number}", later(order.ordered_at, chance, 1, 50), lines)
        yield Purchase(again, token)


def _generous(orders: list[Order], number: int, chance: Random) -> Purchase:
    """A present: a new card, a new seller, far more than usual. It is what a takeover looks like."""
    total = max(pounds(chance, 300, 900), 3 * max(order.total_minor for order in orders))
    last = orders[-1]
    lines = one_line(chance.choice(OBSCURE_SELLERS), total)
    order = renamed(last, f"{last.id}-present{number}", later(last.ordered_at, chance, 60, 6_000), lines)
    return Purchase(order, f"tok_{last.buyer}_present")


def _many_invoices(orders: list[Order], number: int, chance: Random) -> Iterator[Purchase]:
    """An order split into four to six invoices, as this shop does. It is what a short burst looks like."""
    (order,) = orders
    for part in range(chance.randint(4, 6)):
        lines = chance.sample(order.lines, min(3, len(order.lines)))
        name = f"{order.id}-part{number}.{part}"
        yield Purchase(renamed(order, name, later(order.ordered_at, chance, 0.5, 9), lines), f"tok_{order.buyer}_0")


def _one_seller(number: int, orders: Iterable[Order], chance: Random) -> Purchase:
    """A new buyer that spends a good deal at one seller. With a tight mandate it is what a mule looks like."""
    at = later(chance.choice(list(orders)).ordered_at, chance, 1, 600)
    lines = one_line(chance.choice(OBSCURE_SELLERS), pounds(chance, 400, 2_500))
    return Purchase(Order(f"new{number}", f"new{number}", at, lines), f"tok_new{number}_0")
