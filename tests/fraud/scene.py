"""A market's purchases in order of time, some of them frauds; who is one is known, so detection can be counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from console.orders import Order, OrderLine
from market.buyers import Mandate

REFUSED = "above the mandate's limit per order"
DECLINED = "payment declined"
OBSCURE_SELLERS = tuple(f"Z{number:02}" for number in range(40))
"""Sellers with few orders; honest buyers find them too."""

Kind = Literal["burst", "takeover", "mules"]


@dataclass(frozen=True, slots=True)
class Attack:
    """One fraud, of one or more payments and one or more buyers."""

    kind: Kind
    number: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order, the token it is paid with, and what becomes of it: paid, or ended for a reason before that.

    A ``covert`` payment of an attack looks like anybody's: whoever stops it does so by luck.
    """

    order: Order
    token: str
    ended: str | None = None
    attack: Attack | None = None
    covert: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is bought, in order of time, and what each buyer may spend."""

    purchases: tuple[Purchase, ...]
    mandates: dict[str, Mandate]


def pounds(chance: Random, low: int, high: int) -> int:
    """An amount between so many whole pounds, in pence."""
    return chance.randint(100 * low, 100 * high)


def one_line(seller: str, total_minor: int) -> tuple[OrderLine, ...]:
    """A single line that comes to this amount."""
    return (OrderLine(f"{seller}-{total_minor % 7}", seller, 1, total_minor),)


def later(at: datetime, chance: Random, low: float, high: float) -> datetime:
    """So many minutes later, to the second."""
    return at + timedelta(seconds=round(60 * chance.uniform(low, high)))


def renamed(order: Order, name: str, at: datetime, lines: Iterable[OrderLine]) -> Order:
    """Another order of the same buyer."""
    return Order(name, order.buyer, at, tuple(lines))
