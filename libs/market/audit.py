"""Where two services count the same thing, they must count it alike.

An order's accepted requests against ``buyer: ended orders``, the story of each order step by step, and what each buyer
was told, need the log of events; they are not here.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of one service."""

    service: str
    figure: str


@dataclass(frozen=True, slots=True)
class Equality:
    """Two readings that agree key by key, a missing key on either side being a disagreement.

    ``partial``: only the keys of ``left`` count, as when few of all products lie in carts.
    """

    name: str
    left: Reading
    right: Reading
    partial: bool = False


EQUALITIES: Final = (
    Equality(
        "units sold equal units paid for",
        Reading("product", "units sold by product"),
        Reading("transaction", "units paid by product"),
    ),
    Equality(
        "buyers spent what was captured from them",
        Reading("buyer", "spent by buyer"),
        Reading("transaction", "captured by buyer"),
    ),
    Equality(
        "buyers count their paid orders",
        Reading("buyer", "paid orders by buyer"),
        Reading("transaction", "paid orders by buyer"),
    ),
    Equality(
        "buyers count their settled orders",
        Reading("buyer", "settled orders by buyer"),
        Reading("transaction", "settled orders by buyer"),
    ),
    Equality(
        "buyers count their cancelled orders",
        Reading("buyer", "cancelled orders by buyer"),
        Reading("transaction", "cancelled orders by buyer"),
    ),
    Equality(
        "sellers were paid what escrow paid out",
        Reading("seller", "payout by seller"),
        Reading("transaction", "payout by seller"),
    ),
    Equality("fees were kept once", Reading("seller", "fees"), Reading("transaction", "fees")),
    Equality(
        "dashboards show what is paid and not settled",
        Reading("seller", "open amount by seller"),
        Reading("transaction", "unsettled amount by seller"),
    ),
    Equality(
        "products heard their seller's last update",
        Reading("product", "update by product"),
        Reading("seller", "update by product"),
    ),
    Equality(
        "products are sold in their seller's last version",
        Reading("product", "version by product"),
        Reading("seller", "version by product"),
    ),
    Equality(
        "no cart missed a seller's last update",
        Reading("buyer", "earliest update in carts by product"),
        Reading("seller", "update by product"),
        partial=True,
    ),
    Equality(
        "no cart heard of an update its seller did not make",
        Reading("buyer", "latest update in carts by product"),
        Reading("seller", "update by product"),
        partial=True,
    ),
    Equality(
        "what lies in carts is watched, and nothing else is",
        Reading("buyer", "carts by product"),
        Reading("seller", "watchers by product"),
    ),
)
