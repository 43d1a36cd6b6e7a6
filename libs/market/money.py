"""Money: whole minor units of one currency."""

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from pydantic import Field

AMOUNT_MINOR_MAX: Final = 10**15
"""The largest budget or limit; a thousand of them still fit a 64-bit column."""

Currency: TypeAlias = Annotated[str, Field(pattern="^[A-Z]{3}$")]
"""An ISO 4217 code such as ``GBP``."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (pence, cents). Adds to and subtracts from its own currency only."""

    minor: int
    currency: Currency

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{other.currency} cannot be reckoned with {self.currency}")
        return other.minor


def is_currency(text: str) -> bool:
    """Tell whether ``text`` looks like an ISO 4217 code."""
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()  # noqa: PLR2004
