"""Three kinds of fraud, to be hidden among honest orders.

- *burst*: many orders of one buyer within minutes, by a thief in a hurry or a program; its first payments look like
  anybody's (``covert``), and count as fraud all the same.
- *takeover*: a stranger at the account of a buyer with habits: another card, other sellers, high amounts; sometimes
  after trying the card with small ones, sometimes after the account had slept, never above the mandate.
- *mules*: fresh buyers, one after the other, who each pass nearly the same high amount, just under their mandate's
  limit, to one obscure seller; some buy something ordinary first. Nobody who looks at one buyer alone sees the chain.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from console.orders import Order
from market.buyers import Mandate
from tests.fraud.scene import OBSCURE_SELLERS, REFUSED, Attack, Purchase, later, one_line, pounds, renamed

BURST_ORDERS = (8, 16)
BURST_MINUTES = (4, 12)
BURST_COVERT = 4
"""Honest buyers place so many orders in a row, too."""
SMALL_LINES = 4
TAKEOVER_ORDERS = (1, 4)
TAKEOVER_HISTORY = 3
CARD_TESTS = 0.3
DORMANT = 0.3
PROBES = 0.4
CHAIN_MULES = (3, 6)
WARMED_UP = 0.25
MULE_LIMITS = tuple(pounds * 100 for pounds in (600, 800, 1_000, 1_500, 2_000, 3_000, 5_000))


def burst(number: int, orders: Sequence[Order], mandates: dict[str, Mandate], chance: Random) -> Iterator[Purchase]:
    """By an honest buyer's account or, as often, by one made for it."""
    attack, template = Attack("burst", number), chance.choice(orders)
    fresh, stolen = chance.random() < 0.5, chance.random() < 0.5
    buyer = f"hasty{number}" if fresh else template.buyer
    token = f"tok_thief{number}" if stolen else f"tok_{buyer}_0"
    start = later(template.ordered_at, chance, 60, 10_000)
    minutes = chance.uniform(*BURST_MINUTES)
    if fresh:
        mandates[buyer] = Mandate(500_000, 10_000_000)
    parts = range(chance.randint(*BURST_ORDERS))
    for part, at in enumerate(sorted(later(start, chance, 0, minutes) for _ in parts)):
        order = _small(f"burst{number}.{part}", buyer, at, orders, chance, mandates[buyer].order_limit_minor)
        yield Purchase(order, token, attack=attack, covert=part < BURST_COVERT)


def takeovers(
    count: int, orders: Sequence[Order], mandates: Mapping[str, Mandate], chance: Random
) -> Iterator[Purchase]:
    """At as many accounts with habits. Their limits are respected: a payment above them would not succeed."""
    by_buyer: defaultdict[str, list[Order]] = defaultdict(list)
    for order in sorted(orders, key=lambda order: order.ordered_at):
        by_buyer[order.buyer].append(order)
    victims = [buyer for buyer, own in by_buyer.items() if len(own) >= TAKEOVER_HISTORY]
    for number, buyer in enumerate(chance.sample(victims, count)):
        yield from _takeover(number, by_buyer[buyer], mandates[buyer].order_limit_minor, chance)


def mules(number: int, orders: Sequence[Order], mandates: dict[str, Mandate], chance: Random) -> Iterator[Purchase]:
    """Through as many fresh accounts, to one seller."""
    attack, limit, seller = Attack("mules", number), chance.choice(MULE_LIMITS), chance.choice(OBSCURE_SELLERS)
    at = later(chance.choice(orders).ordered_at, chance, 1, 600)
    handed_on = chance.uniform(0.86, 0.99)
    for place in range(chance.randint(*CHAIN_MULES)):
        buyer = f"mule{number}.{place}"
        payments = chance.randint(1, 2)
        mandates[buyer] = Mandate(limit, limit * chance.randint(payments + 1, 4))
        if chance.random() < WARMED_UP:
            at = later(at, chance, 2, 40)
            order = _small(f"warm{number}.{place}", buyer, at, orders, chance, limit)
            yield Purchase(order, f"tok_{buyer}", attack=attack, covert=True)
        for part in range(payments):
            at = later(at, chance, 2, 40)
            lines = one_line(seller, round(limit * handed_on * chance.uniform(0.99, 1.01)))
            order = Order(f"mule{number}.{place}.{part}", buyer, at, lines)
            yield Purchase(order, f"tok_{buyer}", attack=attack)


def _small(name: str, buyer: str, at: datetime, orders: Sequence[Order], chance: Random, limit_minor: int) -> Order:
    """A few lines of what others order, within the buyer's limit."""
    most = limit_minor // SMALL_LINES
    cheap = [line for line in chance.choice(orders).lines if line.value_minor <= most]
    lines = chance.sample(cheap, min(SMALL_LINES, len(cheap))) or one_line("22", most)
    return Order(name, buyer, at, tuple(lines))


def _takeover(number: int, own: list[Order], limit_minor: int, chance: Random) -> Iterator[Purchase]:
    attack, token, last = Attack("takeover", number), f"tok_thief_of_{number}", own[-1]
    known = {line.seller for order in own for line in order.lines}
    sellers = [seller for seller in OBSCURE_SELLERS if seller not in known]
    mean = sum(order.total_minor for order in own) // len(own)
    asleep = timedelta(days=chance.randint(60, 120)) if chance.random() < DORMANT else timedelta()
    at = later(last.ordered_at + asleep, chance, 60, 14_400)
    if chance.random() < CARD_TESTS:
        for part in range(chance.randint(3, 4)):
            at = later(at, chance, 1, 6)
            order = renamed(last, f"try{number}.{part}", at, one_line(sellers[0], pounds(chance, 1, 5)))
            yield Purchase(order, token, attack=attack, covert=True)
    for part in range(chance.randint(*TAKEOVER_ORDERS)):
        at = later(at, chance, 3, 600)
        if chance.random() < PROBES:
            above = renamed(last, f"above{number}.{part}", at, one_line(sellers[0], 2 * limit_minor))
            yield Purchase(above, token, REFUSED, attack)
            at = later(at, chance, 1, 5)
        wanted = max(pounds(chance, 400, 800), round(mean * chance.uniform(2, 8)))
        lines = one_line(chance.choice(sellers), min(limit_minor, wanted))
        yield Purchase(renamed(last, f"theft{number}.{part}", at, lines), token, attack=attack)
