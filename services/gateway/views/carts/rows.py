"""The rows of the view of carts."""

from dataclasses import dataclass
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class Shopper(Row):
    """A registered buyer, for the currency of its cart."""

    table: ClassVar[str] = "shoppers"
    key: ClassVar[tuple[str, ...]] = ("buyer",)

    buyer: str
    currency: str


@dataclass(frozen=True, slots=True)
class CartLine(Row):
    """A product a buyer has ever had in its cart. It is there now while it is watched once."""

    table: ClassVar[str] = "cart_lines"
    key: ClassVar[tuple[str, ...]] = ("buyer", "product")

    buyer: str
    product: str
    quantity: int = 0
    price_minor: int = 0
    version: int = 0
    watches: int = 0
