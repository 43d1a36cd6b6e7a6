"""The rows of the view of orders. Amounts are minor units; each moment is patched by one kind of event alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class Placing(Row):
    """An order that was placed; under one id the first counts, the others were refused."""

    table: ClassVar[str] = "placings"
    key: ClassVar[tuple[str, ...]] = ("transaction", "position")

    transaction: str
    position: int
    buyer: str
    total_minor: int
    currency: str
    lines: int
    units: int
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class OrderCourse(Row):
    """What became of an order, and when."""

    table: ClassVar[str] = "order_courses"
    key: ClassVar[tuple[str, ...]] = ("transaction",)

    transaction: str
    reserved_at: datetime | None = None
    paid_at: datetime | None = None
    held_at: datetime | None = None
    score: int | None = None
    cleared_at: datetime | None = None
    settled_at: datetime | None = None
    refunded_at: datetime | None = None
    refund_reason: str | None = None
    refunded_minor: int = 0
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedOrder(Row):
    """An order that a buyer's agent turned away, so that it never became a transaction."""

    table: ClassVar[str] = "refused_orders"
    key: ClassVar[tuple[str, ...]] = ("transaction", "buyer", "position")

    transaction: str
    buyer: str
    position: int
    reason: str
    refused_at: datetime
