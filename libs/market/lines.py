"""What is ordered: lines, how they are paid for, and what makes either unsound."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, Field

from market.ids import ProductId, SellerId

LINES_MAX: Final = 1_000
ASKED_LINES_MAX: Final = 2_000
"""A command may hold more lines than an order, so that too many are refused with a reason."""
QUANTITY_MAX: Final = 10_000
PRICE_MINOR_MAX: Final = 10**9
INSTALMENTS_MAX: Final = 10
PRINTABLE: Final = Field(pattern="^[ -~]+$")
"""ASCII, blanks too (shops use them): a line has a limit in bytes, not only in characters, so 1,000 fit a record."""
PAYMENT_METHODS: Final = frozenset({"boleto", "debit", "credit"})


@dataclass(frozen=True, slots=True)
class Line:
    """So many units of one version of a product, at one price per unit; freight and voucher count once per line."""

    product: Annotated[ProductId, PRINTABLE]
    version: int
    seller: Annotated[SellerId, PRINTABLE]
    quantity: int
    price_minor: int
    freight_minor: int = 0
    voucher_minor: int = 0

    @property
    def total_minor(self) -> int:
        """What the line costs: a voucher never makes it less than nothing."""
        return max(0, self.quantity * self.price_minor + self.freight_minor - self.voucher_minor)


@dataclass(frozen=True, slots=True)
class Payment:
    """How a buyer pays. ``token`` stands for the card, whose data never travels."""

    method: str
    instalments: int
    token: str


def line_fault(line: Line) -> str | None:
    """Say why a line cannot be ordered; ``None`` if it can."""
    if not 1 <= line.quantity <= QUANTITY_MAX:
        return "quantity out of range"
    if not 0 <= line.price_minor <= PRICE_MINOR_MAX:
        return "price out of range"
    if not 0 <= line.freight_minor <= PRICE_MINOR_MAX:
        return "freight out of range"
    if not 0 <= line.voucher_minor <= PRICE_MINOR_MAX:
        return "voucher out of range"
    return None if line.version >= 1 else "version out of range"


def payment_fault(payment: Payment) -> str | None:
    """Say why a payment cannot be made; ``None`` if it can be tried."""
    if payment.method not in PAYMENT_METHODS:
        return "unknown payment method"
    return None if 1 <= payment.instalments <= INSTALMENTS_MAX else "instalments out of range"


def total_minor(lines: Iterable[Line]) -> int:
    """Add up what lines cost."""
    return sum(line.total_minor for line in lines)


def by_product(lines: Iterable[Line]) -> dict[ProductId, tuple[Line, ...]]:
    """Gather the lines of each product, in the order products first appear."""
    gathered: dict[ProductId, list[Line]] = {}
    for line in lines:
        gathered.setdefault(line.product, []).append(line)
    return {product: tuple(of_product) for product, of_product in gathered.items()}


def by_seller(lines: Iterable[Line]) -> dict[SellerId, int]:
    """Add up each seller's share, in minor units, in the order sellers first appear."""
    shares: dict[SellerId, int] = {}
    for line in lines:
        shares[line.seller] = shares.get(line.seller, 0) + line.total_minor
    return shares


def _sound_lines(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    for line in lines:
        if fault := line_fault(line):
            raise ValueError(f"{line.product}: {fault}")
    return lines


def _sound_payment(payment: Payment) -> Payment:
    if fault := payment_fault(payment):
        raise ValueError(fault)
    return payment


Lines: TypeAlias = Annotated[tuple[Line, ...], Field(min_length=1, max_length=LINES_MAX), AfterValidator(_sound_lines)]
"""Lines as a fact states them. The rule that refuses a command is the one that guards a fact."""
AskedLines: TypeAlias = Annotated[tuple[Line, ...], Field(max_length=ASKED_LINES_MAX)]
SoundPayment: TypeAlias = Annotated[Payment, AfterValidator(_sound_payment)]
