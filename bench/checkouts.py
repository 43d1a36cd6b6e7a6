"""What every run of the bench asks for: a market of buyers, products and sellers, and checkouts of three lines.

Each line of a checkout is another seller's, so a paid checkout is heard by one buyer, three products and three sellers.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from agora.event import Event
from market.buyers import CheckOut, Mandate, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line, Payment
from market.sellers import ListProduct, RegisterSeller

BUYERS: Final = 1_000
PRODUCTS: Final = 1_000
PRODUCTS_PER_SELLER: Final = 10
LINES: Final = 3
CURRENCY: Final = "GBP"
BUDGET_MINOR: Final = 10**15
STOCK: Final = 10**9
QUANTITY_MAX: Final = 10
PRICE_MINOR_MAX: Final = 9_999
PAYMENT: Final = Payment("credit", 1, "tok_bench")
FIRST_ORDER: Final = datetime(2026, 1, 1, tzinfo=UTC)
BETWEEN_ORDERS: Final = timedelta(seconds=90)
"""A thousand buyers order about once a day each, as people do, however fast the bench asks."""


def setup_commands(buyers: int = BUYERS, products: int = PRODUCTS) -> list[Event]:
    """Every seller, then every product, then every buyer. ``products`` is a multiple of ten, thirty at least."""
    sellers = range(_sellers(products))
    mandate = Mandate(BUDGET_MINOR, BUDGET_MINOR)
    return [
        *(RegisterSeller(seller=_seller(number), currency=CURRENCY) for number in sellers),
        *(
            ListProduct(
                seller=_seller(number % len(sellers)),
                product=_product(number),
                prices_minor=(_price_minor(number),),
                stock=STOCK,
            )
            for number in range(products)
        ),
        *(
            RegisterBuyer(buyer=_buyer(number), currency=CURRENCY, budget_minor=BUDGET_MINOR, mandate=mandate)
            for number in range(buyers)
        ),
    ]


def checkouts(seed: int, count: int, buyers: int = BUYERS, products: int = PRODUCTS) -> Iterator[CheckOut]:
    """As many checkouts, the same for the same seed. No two seeds share an order id."""
    chance = Random(seed)  # noqa: S311 - repeatable on purpose
    sellers = range(_sellers(products))
    for number in range(count):
        chosen = chance.sample(sellers, LINES)
        yield CheckOut(
            buyer=_buyer(chance.randrange(buyers)),
            order=TransactionId(f"O{seed}-{number}"),
            lines=tuple(_line(chance, seller, len(sellers)) for seller in chosen),
            currency=CURRENCY,
            payment=PAYMENT,
            ordered_at=FIRST_ORDER + number * BETWEEN_ORDERS,
        )


def _line(chance: Random, seller: int, sellers: int) -> Line:
    product = seller + sellers * chance.randrange(PRODUCTS_PER_SELLER)
    return Line(_product(product), 1, _seller(seller), chance.randint(1, QUANTITY_MAX), _price_minor(product))


def _sellers(products: int) -> int:
    if products % PRODUCTS_PER_SELLER or products < LINES * PRODUCTS_PER_SELLER:
        raise ValueError(f"{products} products: give a multiple of {PRODUCTS_PER_SELLER}, thirty at least")
    return products // PRODUCTS_PER_SELLER


def _price_minor(product: int) -> int:
    return 1 + product * 7_919 % PRICE_MINOR_MAX  # a prime, so that prices of neighbours lie far apart


def _buyer(number: int) -> BuyerId:
    return BuyerId(f"B{number}")


def _product(number: int) -> ProductId:
    return ProductId(f"P{number}")


def _seller(number: int) -> SellerId:
    return SellerId(f"S{number}")
