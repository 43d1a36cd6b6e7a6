"""What a product remembers: its seller's last word on it, and its stock."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from market.ids import ProductId, SellerId, TransactionId
from market.lines import Line


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Nobody sells this product."""

    status: Literal["unlisted"] = "unlisted"


@dataclass(frozen=True, slots=True)
class Listed:
    """A product on sale. ``0 <= reserved <= stock`` always holds; the database checks it too."""

    product: ProductId
    seller: SellerId
    currency: str
    prices_minor: tuple[int, ...]
    version: int
    update: int
    stock: int
    reserved: int = 0
    sold: int = 0
    reservations: dict[TransactionId, int] = field(default_factory=dict[TransactionId, int])
    status: Literal["listed"] = "listed"

    @property
    def available(self) -> int:
        """Units nobody has been promised."""
        return self.stock - self.reserved

    def sells(self, line: Line) -> str | None:
        """Say why a line cannot be sold as it stands; ``None`` if it can."""
        if line.seller != self.seller:
            return "not sold by this seller"
        if line.version != self.version:
            return "superseded version"
        return None if line.price_minor in self.prices_minor else "price not on the price list"

    def reserve(self, transaction: TransactionId, quantity: int) -> "Listed":
        """Promise units to a transaction."""
        reservations = {**self.reservations, transaction: quantity}
        return replace(self, reserved=self.reserved + quantity, reservations=reservations)

    def release(self, transaction: TransactionId) -> "Listed":
        """Take a promise back."""
        quantity, reservations = self._without(transaction)
        return replace(self, reserved=self.reserved - quantity, reservations=reservations)

    def sell(self, transaction: TransactionId) -> "Listed":
        """Part with the units promised to a transaction."""
        quantity, reservations = self._without(transaction)
        return replace(
            self,
            stock=self.stock - quantity,
            reserved=self.reserved - quantity,
            sold=self.sold + quantity,
            reservations=reservations,
        )

    def take_back(self, quantity: int) -> "Listed":
        """Have units that were sold in stock again, to be sold in whatever version there is now."""
        return replace(self, stock=self.stock + quantity, sold=self.sold - quantity)

    def _without(self, transaction: TransactionId) -> tuple[int, dict[TransactionId, int]]:
        """The units promised to a transaction, and the promises that are left without it."""
        reservations = self.reservations.copy()
        return reservations.pop(transaction), reservations


Product: TypeAlias = Unlisted | Listed
