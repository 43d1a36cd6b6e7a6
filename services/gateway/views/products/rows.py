"""The rows of the view of products. A position is an offset in the partition of its stream."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class Offer(Row):
    """What one seller says of a product. Whose offer has the first ``listed_position`` sells it; others were too late.

    ``stock`` are the units nobody had been promised at ``stock_position``; ``prices_minor`` is a JSON list.
    """

    table: ClassVar[str] = "offers"
    key: ClassVar[tuple[str, ...]] = ("product", "seller")

    product: str
    seller: str
    currency: str = ""
    price_minor: int = 0
    prices_minor: str = "[]"
    version: int = 0
    stock: int = 0
    stock_position: int = 0
    listed_position: int | None = None
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Promise(Row):
    """Units a transaction asked a product for, all promised (``quantity``) or none (0), and what became of them."""

    table: ClassVar[str] = "promises"
    key: ClassVar[tuple[str, ...]] = ("product", "transaction")

    product: str
    transaction: str
    quantity: int = 0
    asked_position: int | None = None
    released_position: int | None = None
    sold_position: int | None = None
    returned: int = 0
    returned_position: int | None = None


@dataclass(frozen=True, slots=True)
class Replenishment(Row):
    """Units asked to be put into stock at a position, under the event id of the request; 0 until they are."""

    table: ClassVar[str] = "replenishments"
    key: ClassVar[tuple[str, ...]] = ("product", "request")

    product: str
    request: str
    quantity: int = 0
    position: int | None = None
